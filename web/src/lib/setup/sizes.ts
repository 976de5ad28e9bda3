// Sizes and times as the configuration writes them: 20GiB, 500MB, 30d. What is not understood is null.
const factors: Record<string, number> = { '': 1, b: 1, kb: 1e3, mb: 1e6, gb: 1e9, tb: 1e12, kib: 1024, mib: 1024 ** 2, gib: 1024 ** 3, tib: 1024 ** 4 };

export function bytesOf(text: string | null | undefined): number | null {
  const match = /^(\d+(?:\.\d+)?)\s*([kmgt]?i?b?)$/i.exec(text?.trim() ?? '');
  const factor = match && factors[match[2]!.toLowerCase()];
  return match && factor ? Number(match[1]) * factor : null;
}

/** A value that means "never" or "no limit". */
export const isNone = (text: string | null | undefined) => !text || /^0\D*$/.test(text.trim());

const units: Record<string, string> = { ms: 'millisecond', s: 'second', m: 'minute', h: 'hour', d: 'day' };

/** 30d → 30 days; what is written otherwise stays. */
export function longAge(text: string): string {
  const match = /^(\d+)(ms|s|m|h|d)$/.exec(text.trim());
  return match ? `${match[1]} ${units[match[2]!]}${match[1] === '1' ? '' : 's'}` : text;
}
