// Counts for people: whole below 10,000, then 48.0k, 1.25M. Unknown is a dash, never 0.
const whole = new Intl.NumberFormat('en-US');

export function formatTokens(count: number | null | undefined): string {
  if (count === null || count === undefined || !Number.isFinite(count)) return '–';
  if (Math.abs(count) < 10_000) return whole.format(count);
  if (Math.abs(count) < 99_950) return `${(count / 1000).toFixed(1)}k`;
  if (Math.abs(count) < 999_500) return `${Math.round(count / 1000)}k`;
  if (Math.abs(count) < 999_500_000) return `${trim(count / 1_000_000)}M`;
  return `${trim(count / 1_000_000_000)}B`;
}

export function formatCount(count: number | null | undefined): string {
  return count === null || count === undefined || !Number.isFinite(count) ? '–' : whole.format(count);
}

export function formatPercent(part: number, all: number): string {
  if (!all) return '–';
  const percent = (part / all) * 100;
  if (percent > 0 && percent < 0.1) return '<0.1 %';
  return `${percent >= 99.95 || percent === 0 ? percent.toFixed(0) : percent.toFixed(1)} %`;
}

export const plural = (count: number, one: string, many = `${one}s`) =>
  `${formatCount(count)} ${count === 1 ? one : many}`;

const trim = (value: number) => (value < 10 ? value.toFixed(2) : value < 100 ? value.toFixed(1) : value.toFixed(0));
