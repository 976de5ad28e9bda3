// Lines of a transcript as they are shown: messages with the results of their calls, and what is no message. Pure.
import type { TranscriptLine } from '../api/types.ts';
import { type Message, isOnlyResults, joinResults, readMessage } from '../conversation/conversation.ts';

/** A line, and what is said in it where it is a message. */
export type Entry = { line: TranscriptLine; message: Message | null };

function messageOf(line: TranscriptLine): Message | null {
  const content = line.line?.message;
  const is_said = line.kind === 'user' || line.kind === 'assistant';
  return is_said && typeof content === 'object' && content !== null ? readMessage(content, line.position) : null;
}

/** Results of calls stand with their calls: lines that hold nothing else are left out. */
export function entriesOf(lines: TranscriptLine[]): Entry[] {
  const entries = lines.map((line) => ({ line, message: messageOf(line) }));
  joinResults(entries.flatMap(({ message }) => message ?? []));
  return entries.filter(({ message }) => !message || !isOnlyResults(message));
}

/** Notes of the client that follow on one another stand together: of some kinds there are very many. */
export type Passage = { at: number; entries: Entry[]; is_notes: boolean };
const together_from = 3;

export function passagesOf(entries: Entry[]): Passage[] {
  const passages: Passage[] = [];
  for (const entry of entries) {
    const last = passages.at(-1);
    if (last?.is_notes && !entry.message) last.entries.push(entry);
    else passages.push({ at: entry.line.position, entries: [entry], is_notes: !entry.message });
  }
  return passages.flatMap((passage) =>
    passage.entries.length >= together_from ? passage : passage.entries.map((entry) => ({ at: entry.line.position, entries: [entry], is_notes: false })));
}

export const kindOf = (line: TranscriptLine) => (typeof line.line?.type === 'string' ? line.line.type : line.kind);

/** attachment ×8, queue-operation ×2, … the most first. */
export function summaryOf(entries: Entry[]): string {
  const counts = new Map<string, number>();
  for (const { line } of entries) counts.set(kindOf(line), (counts.get(kindOf(line)) ?? 0) + 1);
  return [...counts].sort((a, b) => b[1] - a[1]).map(([kind, count]) => (count > 1 ? `${kind} ×${count}` : kind)).join(', ');
}
