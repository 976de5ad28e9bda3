// A recorded stream as its events. Reads what is there; a part that is not an event is kept as text.
const most_summarised = 200_000; // characters of one event

export type SseEvent = { name: string; data: string };

export function readSse(text: string): SseEvent[] {
  const events: SseEvent[] = [];
  for (const part of text.split(/\r?\n\r?\n/)) {
    if (!part.trim()) continue;
    let name = '';
    const data: string[] = [];
    const rest: string[] = [];
    for (const line of part.split(/\r?\n/)) {
      if (line.startsWith('event:')) name = line.slice(6).trim();
      else if (line.startsWith('data:')) data.push(line.slice(5).replace(/^ /, ''));
      else rest.push(line);
    }
    if (name || data.length) events.push({ name: name || 'message', data: data.join('\n') });
    else events.push({ name: rest[0]?.startsWith(':') ? 'comment' : 'text', data: rest.join('\n') });
  }
  return events;
}

export const looksLikeSse = (text: string) => /^(?:\uFEFF)?(?:event|data|id|retry)?:/.test(text);

type Json = Record<string, unknown>;
const isObject = (value: unknown): value is Json => typeof value === 'object' && value !== null && !Array.isArray(value);

/** What an Anthropic event says, in a line; null for one that is better read as it is. */
export function eventSummary(event: SseEvent): { index: number | null; what: string; text: string } | null {
  if (event.data.length > most_summarised) return null;
  let json: unknown;
  try {
    json = JSON.parse(event.data);
  } catch {
    return null;
  }
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
