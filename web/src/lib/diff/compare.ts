// What differs between two requests: parameters, tools, system blocks, messages. Where a message stands and what
// it says count; how it is written (a string or a list, with or without a cache mark) is told apart. In a worker.
import { diffArrays } from 'diff';
import { isObject, type Json, listOf, textOf } from '../base/json.ts';
import { joinResults, type Message, readMessage } from '../conversation/conversation.ts';
import { type DiffLine, diffLines, type Fold, foldSame } from '../conversation/diff.ts';
import { bodyAt } from '../worker/bodies.ts';
import { billingFields, isBilling } from './billing.ts';

export type Change = 'same' | 'added' | 'removed' | 'changed';
export type Row = { name: string; note: string; change: Change; lines: (DiffLine | Fold)[] };
export type MessageRow = { before: number | null; after: number | null; role: string; change: Change; lines: (DiffLine | Fold)[]; message: Message | null };
export type Comparison = {
  params: Row[];
  billing: Row[];
  system: Row[];
  tools: Row[];
  messages: MessageRow[];
  /** Where each side asks the provider to cache. */
  marks: { before: string[]; after: string[] };
  /** Where the two prompts part, in the order in which a provider caches: tools, system, messages. */
  parts_at: { where: 'tools' | 'system' | 'messages'; index: number } | null;
  bytes: { before: number; after: number };
  problem: string | null;
};

const longest_compared = 400_000; // characters of one part; beyond it only the fact of a change is told

export async function compareRequests(url_before: string, url_after: string): Promise<Comparison> {
  const [before, after] = await Promise.all([bodyAt(url_before), bodyAt(url_after)]);
  const result = compareBodies(before.json, after.json);
  return { ...result, bytes: { before: before.bytes, after: after.bytes }, problem: before.problem ?? after.problem };
}

export function compareBodies(before: unknown, after: unknown): Omit<Comparison, 'bytes' | 'problem'> {
  const a = isObject(before) ? before : {};
  const b = isObject(after) ? after : {};
  const systems = [systemOf(a), systemOf(b)] as const;
  const billing = systems.map((blocks) => Object.fromEntries(blocks.filter(isBilling).flatMap(billingFields)));
  const plain = systems.map((blocks) => blocks.filter((text) => !isBilling(text)));
  const tools = [byName(a.tools), byName(b.tools)] as const;
  const messages = [listOf(a.messages), listOf(b.messages)] as const;
  return {
    params: compareNamed(paramsOf(a), paramsOf(b)),
    billing: compareNamed(billing[0]!, billing[1]!),
    system: compareBlocks(plain[0]!, plain[1]!),
    tools: compareNamed(tools[0], tools[1]),
    messages: compareMessages(messages[0], messages[1]),
    marks: { before: marksOf(a), after: marksOf(b) },
    parts_at: partsAt([Object.values(tools[0]).map(written), plain[0]!, messages[0].map(meaningOf)], [Object.values(tools[1]).map(written), plain[1]!, messages[1].map(meaningOf)])
  };
}

const paramsOf = (body: Json) => Object.fromEntries(Object.entries(body).filter(([name]) => !['system', 'tools', 'messages'].includes(name)));
const written = (value: unknown) => (typeof value === 'string' ? value : (JSON.stringify(value, null, 2) ?? ''));
const withoutMarks = (value: unknown): unknown =>
  JSON.parse(JSON.stringify(value ?? null, (key, inner: unknown) => (key === 'cache_control' ? undefined : inner)));

function systemOf(body: Json): string[] {
  if (typeof body.system === 'string') return [body.system];
  return listOf(body.system).map((block) => (isObject(block) && typeof block.text === 'string' ? block.text : written(withoutMarks(block))));
}

function byName(tools: unknown): Json {
  const out: Json = {};
  for (const tool of listOf(tools)) {
    const plain = withoutMarks(tool) as Json;
    let name = textOf(plain?.name) || textOf(plain?.type) || 'unnamed';
    while (name in out) name += '′';
    out[name] = plain;
  }
  return out;
}

function compareTexts(name: string, before: string | null, after: string | null): Row {
  const change: Change = before === after ? 'same' : before === null ? 'added' : after === null ? 'removed' : 'changed';
  const note = change === 'same' ? '' : sizeNote(before, after);
  return { name, note, change, lines: change === 'same' ? [] : linesOf(before ?? '', after ?? '') };
}

function linesOf(before: string, after: string): (DiffLine | Fold)[] {
  return before.length + after.length > longest_compared ? [] : foldSame(diffLines(before, after));
}

const sizeNote = (before: string | null, after: string | null) =>
  [before, after].map((text) => (text === null ? null : `${text.length.toLocaleString('en-US')} characters`)).filter(Boolean).join(' → ');

function compareNamed(before: Json, after: Json): Row[] {
  const names = [...new Set([...Object.keys(before), ...Object.keys(after)])];
  return names.map((name) => compareTexts(name, name in before ? written(before[name]) : null, name in after ? written(after[name]) : null));
}

function compareBlocks(before: string[], after: string[]): Row[] {
  return Array.from({ length: Math.max(before.length, after.length) }, (_, index) => compareTexts(`Block ${index + 1}`, before[index] ?? null, after[index] ?? null));
}

/** A message as what it says: one form for strings and lists, and no cache marks. */
function meaningOf(message: unknown): string {
  if (!isObject(message)) return written(message);
  const content = typeof message.content === 'string' ? [{ type: 'text', text: message.content }] : message.content;
  return JSON.stringify(withoutMarks({ ...message, content }));
}

export function compareMessages(before: unknown[], after: unknown[]): MessageRow[] {
  const spoken = after.map(readMessage);
  joinResults(spoken);
  const gone = before.map(readMessage);
  joinResults(gone);
  const rows: MessageRow[] = [];
  let a = 0;
  let b = 0;
  const parts = diffArrays(before.map(meaningOf), after.map(meaningOf));
  for (let at = 0; at < parts.length; at++) {
    const { added, removed, count } = parts[at]!;
    const next = parts[at + 1];
    if (!added && !removed) for (let n = 0; n < count; n++, a++, b++) rows.push(rowOf(a, b, spoken[b]!, 'same'));
    else if (removed && next?.added) {
      const pairs = Math.min(count, next.count);
      for (let n = 0; n < pairs; n++) rows.push(changedRow(before, after, a++, b++, gone, spoken));
      for (let n = pairs; n < count; n++) rows.push(rowOf(a, null, gone[a++]!, 'removed'));
      for (let n = pairs; n < next.count; n++) rows.push(rowOf(null, b, spoken[b++]!, 'added'));
      at++;
    } else if (removed) for (let n = 0; n < count; n++) rows.push(rowOf(a, null, gone[a++]!, 'removed'));
    else for (let n = 0; n < count; n++) rows.push(rowOf(null, b, spoken[b++]!, 'added'));
  }
  return rows;
}

function rowOf(before: number | null, after: number | null, message: Message, change: Change): MessageRow {
  return { before, after, role: message.role, change, lines: [], message: change === 'same' ? null : message };
}

function changedRow(before: unknown[], after: unknown[], a: number, b: number, gone: Message[], spoken: Message[]): MessageRow {
  const role = gone[a]!.role === spoken[b]!.role ? spoken[b]!.role : `${gone[a]!.role} → ${spoken[b]!.role}`;
  return { before: a, after: b, role, change: 'changed', lines: linesOf(readable(before[a]), readable(after[b])), message: null };
}

/** A message as lines a reader can compare: texts as they are, everything else as JSON. */
function readable(message: unknown): string {
  const content = isObject(message) ? message.content : message;
  if (typeof content === 'string') return content;
  return listOf(content)
    .map((block) => (isObject(block) && block.type === 'text' && typeof block.text === 'string' ? block.text : written(withoutMarks(block)).replaceAll('\\n', '\n')))
    .join('\n\n');
}

function marksOf(body: Json): string[] {
  const out: string[] = [];
  const look = (value: unknown, path: string) => isObject(value) && isObject(value.cache_control) && out.push(path);
  listOf(body.tools).forEach((tool, index) => look(tool, `tool ${index + 1}`));
  listOf(body.system).forEach((block, index) => look(block, `system block ${index + 1}`));
  listOf(body.messages).forEach((message, index) => listOf(isObject(message) ? message.content : null).forEach((block) => look(block, `message ${index + 1}`)));
  return out;
}

function partsAt(before: string[][], after: string[][]): Comparison['parts_at'] {
  const names = ['tools', 'system', 'messages'] as const;
  for (const [at, where] of names.entries()) {
    const a = before[at]!;
    const b = after[at]!;
    const index = a.findIndex((text, place) => text !== b[place]);
    if (index >= 0) return { where, index };
    if (b.length > a.length) return { where, index: a.length };
  }
  return null;
}
