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
