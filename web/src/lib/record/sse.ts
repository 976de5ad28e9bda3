// A recorded stream as its events. Reads what is there; a part that is not an event is kept as text.
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
