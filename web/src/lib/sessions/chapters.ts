// An agent's turns as chapters: a turn goes on with the one before it as long as it sends at least as many messages.
// Side questions (a single message between long turns) are chapters of their own.
import type { RequestRow } from '../api/types.ts';

export type Chapter = { first: string; from: string; last: RequestRow; turns: number };

export function chaptersOf(turns: RequestRow[]): Chapter[] {
  const chapters: Chapter[] = [];
  for (const row of turns) {
    if (!/\/messages$|\/chat\/completions$|\/responses$/.test(row.path) || !row.message_count) continue;
    const before = chapters.findLast((one) => one.last.message_count! <= row.message_count! && one.last.message_count! > 1) ?? chapters.findLast((one) => one.last.message_count === row.message_count && one.last.title === row.title);
    const goes_on = before ?? (chapters.length === 1 && chapters[0]!.last.message_count! <= row.message_count! ? chapters[0] : undefined);
    if (goes_on) Object.assign(goes_on, { last: row, turns: goes_on.turns + 1 });
    else chapters.push({ first: row.id, from: row.started_at, last: row, turns: 1 });
  }
  return chapters.toSorted((a, b) => (a.last.started_at < b.last.started_at ? -1 : 1));
}
