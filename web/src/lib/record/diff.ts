// A line diff for edits: longest common subsequence, with a ceiling beyond which it shows all old, all new.
export type DiffLine = { kind: 'same' | 'removed' | 'added'; text: string };

const most_cells = 1_000_000; // lines before × lines after; a table of this size takes about 10 ms

export function diffLines(before: string, after: string): DiffLine[] {
  const a = before === '' ? [] : before.split('\n');
  const b = after === '' ? [] : after.split('\n');
  if (a.length * b.length > most_cells) return [...mark(a, 'removed'), ...mark(b, 'added')];
  const lengths = commonLengths(a, b);
  const width = b.length + 1;
  const out: DiffLine[] = [];
  let i = 0;
  let j = 0;
  while (i < a.length && j < b.length) {
    if (a[i] === b[j]) {
      out.push({ kind: 'same', text: a[i]! });
      i++;
      j++;
    } else if (lengths[(i + 1) * width + j]! >= lengths[i * width + j + 1]!) {
      out.push({ kind: 'removed', text: a[i++]! });
    } else {
      out.push({ kind: 'added', text: b[j++]! });
    }
  }
  return [...out, ...mark(a.slice(i), 'removed'), ...mark(b.slice(j), 'added')];
}

/** Cell (i, j): how many lines a[i…] and b[j…] have in common, in order. */
function commonLengths(a: string[], b: string[]): Uint32Array {
  const width = b.length + 1;
  const lengths = new Uint32Array((a.length + 1) * width);
  for (let i = a.length - 1; i >= 0; i--) {
    for (let j = b.length - 1; j >= 0; j--) {
      lengths[i * width + j] =
        a[i] === b[j]
          ? lengths[(i + 1) * width + j + 1]! + 1
          : Math.max(lengths[(i + 1) * width + j]!, lengths[i * width + j + 1]!);
    }
  }
  return lengths;
}

const mark = (lines: string[], kind: DiffLine['kind']) => lines.map((text) => ({ kind, text }));
