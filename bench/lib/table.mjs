// Rows of the table: what was measured beside what is wanted.

const text = (value, unit = '') => {
  if (value === undefined || Number.isNaN(value)) return '–';
  const digits = Math.abs(value) >= 100 ? 0 : Math.abs(value) >= 10 ? 1 : Math.abs(value) >= 1 ? 2 : 4;
  return `${value.toFixed(digits)}${unit}`;
};

// `at most` limits by default; `atLeast` turns them round.
function verdict({ value, must, wanted, atLeast }) {
  const ok = (limit) => (atLeast ? value >= limit : value <= limit);
  if (Number.isNaN(value)) return 'not measured';
  if (wanted !== undefined && ok(wanted)) return 'wanted';
  if (must !== undefined && ok(must)) return 'must';
  return must === undefined && wanted === undefined ? '' : 'MISSED';
}

export const header = [
  '| figure | ours | R0 | ratio (95 %) | must | wanted | reached | beside |',
  '|---|--:|--:|--:|--:|--:|---|---|',
].join('\n');

// A row whose target is a ratio to a base.
export function ratioRow({ figure, unit, ours, base, compared, must, wanted, beside }) {
  const [low, high] = compared.interval;
  const reached = verdict({ value: compared.ratio, must, wanted });
  const limit = (each) => (each === undefined ? '' : `≤ ${each}×`);
  return `| ${figure} | ${text(ours, unit)} | ${text(base, unit)} | ${compared.ratio.toFixed(3)} ` +
    `(${low.toFixed(2)}–${high.toFixed(2)}) | ${limit(must)} | ${limit(wanted)} | ${reached} | ${beside ?? ''} |`;
}

// A row whose target is a value.
export function valueRow({ figure, unit, value, base, must, wanted, atLeast, beside }) {
  const sign = atLeast ? '≥' : '≤';
  const limit = (each) => (each === undefined ? '' : `${sign} ${each}${unit ?? ''}`);
  return `| ${figure} | ${text(value, unit)} | ${text(base, unit)} | | ${limit(must)} | ${limit(wanted)} | ` +
    `${verdict({ value, must, wanted, atLeast })} | ${beside ?? ''} |`;
}

export { text };
