// A request's body as a conversation: who said what, which result belongs to which tool call. Takes anything
// (bodies come from the wire) and never throws; what it does not know is kept as it came.

export type ToolResult = { is_error: boolean; parts: Block[] };

export type Block =
  | { kind: 'text'; text: string; cached: boolean }
  | { kind: 'thinking'; text: string; redacted: boolean }
  | { kind: 'call'; id: string; name: string; input: unknown; server: boolean; result: ToolResult | null }
  | { kind: 'result'; id: string; name: string | null; joined: boolean; result: ToolResult }
  | { kind: 'image'; media: string; data: string | null; url: string | null }
  | { kind: 'document'; title: string; text: string | null; media: string; size: number }
  | { kind: 'other'; type: string; value: unknown };

export type Message = { index: number; role: string; blocks: Block[] };
export type Tool = { name: string; description: string; schema: unknown; type: string | null; cached: boolean };
export type Conversation = {
  system: { text: string; cached: boolean }[];
  tools: Tool[];
  messages: Message[];
  params: [name: string, value: unknown][];
};

type Json = Record<string, unknown>;
const isObject = (value: unknown): value is Json => typeof value === 'object' && value !== null && !Array.isArray(value);
const textOf = (value: unknown) => (typeof value === 'string' ? value : '');
const listOf = (value: unknown) => (Array.isArray(value) ? value : []);

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

function readMessage(value: unknown, index: number): Message {
  if (!isObject(value)) return { index, role: 'unknown', blocks: [{ kind: 'other', type: typeof value, value }] };
  return { index, role: textOf(value.role) || 'unknown', blocks: readBlocks(value.content) };
}

export function readBlocks(content: unknown): Block[] {
  if (typeof content === 'string') return [{ kind: 'text', text: content, cached: false }];
  if (content === null || content === undefined) return [];
  const blocks = (Array.isArray(content) ? content : [content]).map(readBlock);
  joinResults([{ index: 0, role: '', blocks }]);
  return blocks;
}

function readBlock(value: unknown): Block {
  if (typeof value === 'string') return { kind: 'text', text: value, cached: false };
  if (!isObject(value)) return { kind: 'other', type: typeof value, value };
  const type = textOf(value.type);
  if (type === 'text' && typeof value.text === 'string')
    return { kind: 'text', text: value.text, cached: isObject(value.cache_control) };
  if (type === 'thinking') return { kind: 'thinking', text: textOf(value.thinking), redacted: false };
  if (type === 'redacted_thinking') return { kind: 'thinking', text: '', redacted: true };
  if (type === 'tool_use' || type === 'server_tool_use' || type === 'mcp_tool_use') return readCall(value, type);
  if (type.endsWith('tool_result')) return readResult(value);
  if (type === 'image') return readImage(value);
  if (type === 'document') return readDocument(value);
  return { kind: 'other', type: type || 'object', value };
}

function readCall(value: Json, type: string): Block {
  const name = textOf(value.name) || 'tool';
  return { kind: 'call', id: textOf(value.id), name, input: value.input, server: type !== 'tool_use', result: null };
}

function readResult(value: Json): Block {
  const result = { is_error: value.is_error === true, parts: readBlocks(value.content) };
  return { kind: 'result', id: textOf(value.tool_use_id), name: null, joined: false, result };
}

function readImage(value: Json): Block {
  const source = isObject(value.source) ? value.source : {};
  const data = source.type === 'base64' && typeof source.data === 'string' ? source.data : null;
  return { kind: 'image', media: textOf(source.media_type), data, url: textOf(source.url) || null };
}

function readDocument(value: Json): Block {
  const source = isObject(value.source) ? value.source : {};
  const data = textOf(source.data);
  const text = source.type === 'text' ? data : null;
  return { kind: 'document', title: textOf(value.title), text, media: textOf(source.media_type), size: data.length };
}

function readSystem(value: unknown): Conversation['system'] {
  if (typeof value === 'string') return [{ text: value, cached: false }];
  return listOf(value).map((block) =>
    isObject(block)
      ? { text: typeof block.text === 'string' ? block.text : JSON.stringify(block, null, 2), cached: isObject(block.cache_control) }
      : { text: String(block), cached: false }
  );
}

function readTool(value: unknown): Tool {
  const tool = isObject(value) ? value : {};
  return {
    name: textOf(tool.name) || 'unnamed',
    description: textOf(tool.description),
    schema: tool.input_schema ?? null,
    type: textOf(tool.type) || null,
    cached: isObject(tool.cache_control)
  };
}

/** Hangs each result on its call. A result whose call is not in this body stays where it is. */
function joinResults(messages: Message[]) {
  const calls = new Map<string, Extract<Block, { kind: 'call' }>>();
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
