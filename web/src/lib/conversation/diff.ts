// What changed between two texts, line by line and, within changed lines, word by word. By the `diff` package,
// with a ceiling of time beyond which it says all old, all new.
import { diffLines as compareLines, diffWordsWithSpace } from 'diff';

export type Span = { text: string; changed: boolean };
export type DiffLine = { kind: 'same' | 'removed' | 'added'; before: number | null; after: number | null; spans: Span[] };
/** A stretch of unchanged lines that is not shown. */
export type Fold = { kind: 'fold'; count: number };

const most_ms = 1500;
const longest_worded = 600; // characters of a line beyond which its words are not compared

export function diffLines(before: string, after: string): DiffLine[] {
  const parts = compareLines(before, after, { timeout: most_ms });
  if (!parts) return numbered([...plain(before, 'removed'), ...plain(after, 'added')]);
  const lines: Bare[] = [];
  for (let at = 0; at < parts.length; at++) {
    const part = parts[at]!;
    const next = parts[at + 1];
    if (part.removed && next?.added) {
      lines.push(...pairWords(split(part.value), split(next.value)));
      at++;
    } else lines.push(...plain(part.value, part.added ? 'added' : part.removed ? 'removed' : 'same'));
  }
  return numbered(lines);
}

type Bare = { kind: DiffLine['kind']; spans: Span[] };
const split = (text: string) => (text === '' ? [] : text.replace(/\r?\n$/, '').split('\n'));
const plain = (text: string, kind: DiffLine['kind']): Bare[] => split(text).map((line) => ({ kind, spans: [{ text: line, changed: false }] }));

/** Lines that stand in for each other get their changed words marked. */
function pairWords(removed: string[], added: string[]): Bare[] {
  const pairs = removed.map((line, index) => wordsOf(line, added[index]));
  const extra = added.slice(removed.length).map((line) => [{ text: line, changed: false }]);
  return [
    ...pairs.map(([before]) => ({ kind: 'removed' as const, spans: before })),
    ...pairs.slice(0, added.length).map(([, after]) => ({ kind: 'added' as const, spans: after })),
    ...extra.map((spans) => ({ kind: 'added' as const, spans }))
  ];
}

function wordsOf(before: string, after: string | undefined): [Span[], Span[]] {
  const whole = (text: string) => [{ text, changed: false }];
  if (after === undefined || before.length > longest_worded || after.length > longest_worded) return [whole(before), whole(after ?? '')];
  const parts = diffWordsWithSpace(before, after);
  const kept = parts.filter((part) => !part.added && !part.removed).reduce((sum, part) => sum + part.value.trim().length, 0);
  // Lines with little in common are two lines, not one that changed.
  if (kept * 3 < Math.max(before.trim().length, after.trim().length)) return [whole(before), whole(after)];
  const side = (other: 'added' | 'removed') => parts.filter((part) => !part[other]).map((part) => ({ text: part.value, changed: Boolean(part.added || part.removed) }));
  return [side('added'), side('removed')];
}

function numbered(lines: Bare[]): DiffLine[] {
  let before = 0;
  let after = 0;
  return lines.map((line) => ({
    ...line,
    before: line.kind === 'added' ? null : ++before,
    after: line.kind === 'removed' ? null : ++after
  }));
}

/** Leaves `context` unchanged lines around each change; longer stretches become one fold. */
export function foldSame(lines: DiffLine[], context = 3): (DiffLine | Fold)[] {
  const near = new Array<boolean>(lines.length).fill(false);
  lines.forEach((line, index) => {
    if (line.kind === 'same') return;
    for (let at = Math.max(0, index - context); at <= Math.min(lines.length - 1, index + context); at++) near[at] = true;
  });
  const out: (DiffLine | Fold)[] = [];
  for (let at = 0; at < lines.length; at++) {
    if (near[at]) {
      out.push(lines[at]!);
      continue;
    }
    let count = 0;
    while (at + count < lines.length && !near[at + count]) count++;
    if (count <= 2) out.push(...lines.slice(at, at + count));
    else out.push({ kind: 'fold', count });
    at += count - 1;
  }
  return out;
}
