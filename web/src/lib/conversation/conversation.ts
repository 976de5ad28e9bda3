// A request's body as a conversation: who said what, which result belongs to which tool call. Takes anything
// (bodies come from the wire) and never throws; what it does not know is kept as it came. Runs in a worker.
import { isObject, type Json, listOf, textOf } from '../base/json.ts';

export type ToolResult = { is_error: boolean; parts: Block[] };
export type Citation = { text: string; source: string; place: string };

export type Block = { cache: string | null } & (
  | { kind: 'text'; text: string; citations: Citation[] }
  | { kind: 'thinking'; text: string; redacted: boolean; signed: boolean }
  | { kind: 'call'; id: string; name: string; input: unknown; server: string | null; result: ToolResult | null }
  | { kind: 'result'; id: string; name: string | null; joined: boolean; result: ToolResult }
  | { kind: 'image'; media: string; data: string | null; url: string | null }
  | { kind: 'document'; title: string; text: string | null; data: string | null; url: string | null; media: string }
  | { kind: 'link'; url: string; title: string; age: string; text: string }
  | { kind: 'other'; type: string; value: unknown }
);
export type CallBlock = Extract<Block, { kind: 'call' }>;

export type Message = { index: number; role: string; blocks: Block[] };
export type SystemBlock = { text: string; cache: string | null };
export type Tool = { name: string; description: string; schema: unknown; type: string | null; cache: string | null; bytes: number };
export type Conversation = {
  system: SystemBlock[];
  tools: Tool[];
  messages: Message[];
  params: [name: string, value: unknown][];
};

export function readConversation(body: unknown): Conversation {
  const json = isObject(body) ? body : {};
  const messages = listOf(json.messages).map(readMessage);
  joinResults(messages);
  return {
    system: readSystem(json.system),
    tools: listOf(json.tools).map(readTool),
    messages,
    params: Object.entries(json).filter(([name]) => !['system', 'tools', 'messages'].includes(name))
  };
}

export function readMessage(value: unknown, index: number): Message {
  if (!isObject(value)) return { index, role: 'unknown', blocks: [other(typeof value, value)] };
  const role = textOf(value.role) || 'unknown';
  // OpenAI's form: a tool's answer is a message, and calls stand beside the content.
  if (role === 'tool') return { index, role, blocks: [readResult({ ...value, tool_use_id: value.tool_call_id })] };
  const calls = listOf(value.tool_calls).map(readFunctionCall);
  return { index, role, blocks: [...readBlocks(value.content), ...calls] };
}

export function readBlocks(content: unknown): Block[] {
  if (typeof content === 'string') return [text(content)];
  if (content === null || content === undefined) return [];
  const blocks = (Array.isArray(content) ? content : [content]).map(readBlock);
  joinResults([{ index: 0, role: '', blocks }]);
  return blocks;
}

const text = (value: string): Block => ({ kind: 'text', text: value, citations: [], cache: null });
const other = (type: string, value: unknown): Block => ({ kind: 'other', type, value, cache: null });

/** How long a cache mark asks to keep the prompt; null where there is none. */
function cacheOf(value: Json): string | null {
  if (!isObject(value.cache_control)) return null;
  return textOf(value.cache_control.ttl) || textOf(value.cache_control.type) || 'marked';
}

function readBlock(value: unknown): Block {
  if (typeof value === 'string') return text(value);
  if (!isObject(value)) return other(typeof value, value);
  return { ...readKind(value, textOf(value.type)), cache: cacheOf(value) } as Block;
}

function readKind(value: Json, type: string): Block {
  if (type === 'text' && typeof value.text === 'string') return { ...text(value.text), citations: listOf(value.citations).map(readCitation) } as Block;
  if (type === 'thinking') return { kind: 'thinking', text: textOf(value.thinking), redacted: false, signed: Boolean(value.signature), cache: null };
  if (type === 'redacted_thinking') return { kind: 'thinking', text: '', redacted: true, signed: false, cache: null };
  if (type === 'tool_use' || type === 'server_tool_use' || type === 'mcp_tool_use') return readCall(value, type);
  if (type.endsWith('tool_result')) return readResult(value);
  if (type === 'image' || type === 'image_url') return readImage(value);
  if (type === 'document') return readDocument(value);
  if (type === 'web_search_result' || type === 'search_result') return readLink(value);
  return other(type || 'object', value);
}

function readCitation(value: unknown): Citation {
  const citation = isObject(value) ? value : {};
  const from = citation.start_page_number ?? citation.start_char_index ?? citation.start_block_index;
  const to = citation.end_page_number ?? citation.end_char_index ?? citation.end_block_index;
  return {
    text: textOf(citation.cited_text),
    source: textOf(citation.title) || textOf(citation.document_title) || textOf(citation.url) || textOf(citation.source),
    place: typeof from === 'number' ? `${textOf(citation.type).replace('_location', '').replace('_', ' ')} ${from}–${typeof to === 'number' ? to : ''}` : textOf(citation.url)
  };
}

function readCall(value: Json, type: string): Block {
  const server = type === 'mcp_tool_use' ? textOf(value.server_name) || 'MCP connector' : type === 'server_tool_use' ? 'provider' : null;
  return { kind: 'call', id: textOf(value.id), name: textOf(value.name) || 'tool', input: value.input, server, result: null, cache: null };
}

function readFunctionCall(value: unknown): Block {
  const call = isObject(value) ? value : {};
  const made = isObject(call.function) ? call.function : {};
  let input: unknown = made.arguments;
  try {
    input = JSON.parse(textOf(made.arguments));
  } catch {
    // Arguments are the model's own words, and need not be JSON.
  }
  return { kind: 'call', id: textOf(call.id), name: textOf(made.name) || 'tool', input, server: null, result: null, cache: null };
}

function readResult(value: Json): Block {
  const content = value.content;
  const failed = isObject(content) && textOf(content.type).endsWith('error');
  const result = { is_error: value.is_error === true || failed, parts: readBlocks(content) };
  return { kind: 'result', id: textOf(value.tool_use_id), name: null, joined: false, result, cache: null };
}

function readImage(value: Json): Block {
  const source = isObject(value.source) ? value.source : isObject(value.image_url) ? value.image_url : {};
  const inline = /^data:(image\/[a-z]+);base64,/.exec(textOf(source.url));
  if (inline) return { kind: 'image', media: inline[1]!, data: textOf(source.url).slice(inline[0].length), url: null, cache: null };
  const data = source.type === 'base64' && typeof source.data === 'string' ? source.data : null;
  return { kind: 'image', media: textOf(source.media_type), data, url: textOf(source.url) || textOf(source.file_id) || null, cache: null };
}

function readDocument(value: Json): Block {
  const source = isObject(value.source) ? value.source : {};
  const is_text = source.type === 'text';
  const inner = readBlocks(source.content).map((block) => (block.kind === 'text' ? block.text : '')).join('\n');
  return {
    kind: 'document',
    title: textOf(value.title),
    text: is_text ? textOf(source.data) : inner || null,
    data: !is_text && typeof source.data === 'string' ? source.data : null,
    url: textOf(source.url) || textOf(source.file_id) || null,
    media: textOf(source.media_type) || textOf(source.type),
    cache: null
  };
}

function readLink(value: Json): Block {
  const inside = readBlocks(value.content).map((block) => (block.kind === 'text' ? block.text : '')).join('\n');
  return { kind: 'link', url: textOf(value.url) || textOf(value.source), title: textOf(value.title), age: textOf(value.page_age), text: inside, cache: null };
}

function readSystem(value: unknown): SystemBlock[] {
  if (typeof value === 'string') return [{ text: value, cache: null }];
  return listOf(value).map((block) =>
    isObject(block)
      ? { text: typeof block.text === 'string' ? block.text : JSON.stringify(block, null, 2), cache: cacheOf(block) }
      : { text: String(block), cache: null }
  );
}

function readTool(value: unknown): Tool {
  const tool = isObject(value) ? value : {};
  const made = isObject(tool.function) ? tool.function : tool; // OpenAI's form wraps it
  return {
    name: textOf(made.name) || textOf(tool.type) || 'unnamed',
    description: textOf(made.description),
    schema: made.input_schema ?? made.parameters ?? null,
    type: textOf(tool.type) || null,
    cache: cacheOf(tool),
    bytes: JSON.stringify(value)?.length ?? 0
  };
}

/** Hangs each result on its call. A result whose call is not in this body stays where it is. */
export function joinResults(messages: Message[]) {
  const calls = new Map<string, CallBlock>();
  for (const message of messages) {
    for (const block of message.blocks) {
      if (block.kind === 'call' && block.id) calls.set(block.id, block);
      if (block.kind !== 'result') continue;
      const call = calls.get(block.id);
      if (!call || call.result) continue;
      call.result = block.result;
      block.joined = true;
      block.name = call.name;
    }
  }
}

/** A message that holds nothing but results shown with their calls needs no place of its own. */
export const isOnlyResults = (message: Message) =>
  message.blocks.length > 0 && message.blocks.every((block) => block.kind === 'result' && block.joined);
