// A recorded stream as its events. Reads what is there; a part that is not an event is kept as text.
import { isObject, objectOf, parsed, textOf } from '../base/json.ts';

const most_summarised = 200_000; // characters of one event

export type SseEvent = { name: string; data: string };
/** An event, the byte of the decoded stream at which it ends, and what it says in a line. */
export type PlacedEvent = SseEvent & { end: number; summary: Summary | null };
export type Summary = { index: number | null; what: string; text: string };

export const looksLikeSse = (text: string) => /^(?:\uFEFF)?(?:event|data|id|retry)?:/.test(text);

/** The events of a stream; null for a text that is none. */
export function placeEvents(text: string): PlacedEvent[] | null {
  if (!looksLikeSse(text)) return null;
  const events: PlacedEvent[] = [];
  const encoder = new TextEncoder();
  const separator = /\r?\n\r?\n/g;
  let end = 0;
  let from = 0;
  while (from < text.length) {
    const found = separator.exec(text);
    const to = found ? found.index + found[0].length : text.length;
    const part = text.slice(from, found ? found.index : to);
    end += encoder.encode(text.slice(from, to)).byteLength;
    if (part.trim()) {
      const event = readEvent(part);
      events.push({ ...event, end, summary: eventSummary(event) });
    }
    from = to;
  }
  return events;
}

function readEvent(part: string): SseEvent {
  let name = '';
  const data: string[] = [];
  const rest: string[] = [];
  for (const line of part.split(/\r?\n/)) {
    if (line.startsWith('event:')) name = line.slice(6).trim();
    else if (line.startsWith('data:')) data.push(line.slice(5).replace(/^ /, ''));
    else rest.push(line);
  }
  if (name || data.length) return { name: name || 'message', data: data.join('\n') };
  return { name: rest[0]?.startsWith(':') ? 'comment' : 'text', data: rest.join('\n') };
}

/** What an Anthropic event says, in a line; null for one that is better read as it is. */
export function eventSummary(event: SseEvent): Summary | null {
  if (event.data.length > most_summarised) return null;
  const json = parsed(event.data);
  if (!isObject(json)) return null;
  const index = typeof json.index === 'number' ? json.index : null;
  if (json.type === 'content_block_delta' && isObject(json.delta)) {
    const { type, ...rest } = json.delta;
    const [value, ...others] = Object.values(rest);
    if (typeof value === 'string' && others.length === 0) return { index, what: String(type), text: JSON.stringify(value) };
  }
  if (json.type === 'content_block_start' && isObject(json.content_block)) {
    const { type, name, id } = json.content_block;
    return { index, what: String(type), text: [name, id].filter((part) => typeof part === 'string').join(' ') };
  }
  if (json.type === 'content_block_stop' || json.type === 'message_stop' || json.type === 'ping') return { index, what: '', text: '' };
  return null;
}

/** What an event adds to the answer: a piece of text in a block. Understands Anthropic's and OpenAI's chunks. */
export function pieceOf(event: SseEvent): { block: number; kind: string; text: string } | null {
  const json = parsed(event.data);
  if (!isObject(json)) return null;
  const block = typeof json.index === 'number' ? json.index : 0;
  if (json.type === 'content_block_start') {
    const { type, name } = objectOf(json.content_block);
    return { block, kind: textOf(type), text: textOf(name) ? `${textOf(name)} ` : '' };
  }
  if (json.type === 'content_block_delta') {
    const delta = objectOf(json.delta);
    return { block, kind: textOf(delta.type), text: textOf(delta.text) + textOf(delta.thinking) + textOf(delta.partial_json) };
  }
  const choice = objectOf(Array.isArray(json.choices) ? json.choices[0] : null);
  const text = textOf(objectOf(choice.delta).content);
  return text ? { block: 0, kind: 'text', text } : null;
}
