// The hours of the statistics as a row without holes, for a chart.
import type { StatsLine } from '../api/types.ts';

const hour_s = 3600;
const most_hours = 24 * 14;

/** The hour that a line's key names: RFC 3339, or seconds since 1970; null for anything else. */
export function hourOf(key: string | number | null): number | null {
  if (key === null || key === '') return null;
  const number = Number(key);
  const seconds = Number.isFinite(number) ? (number < 1e7 ? number * hour_s : number) : Date.parse(withMinutes(String(key))) / 1000;
  return Number.isFinite(seconds) ? Math.floor(seconds / hour_s) * hour_s : null;
}

/** 2026-11-21T00 is an hour too, though no date. */
const withMinutes = (key: string) => (/^\d{4}-\d\d-\d\d[T ]\d\d$/.test(key) ? `${key.replace(' ', 'T')}:00Z` : key);

export function fillHours(lines: StatsLine[], least_hours = 24): { times_s: number[]; lines: (StatsLine | null)[] } {
  const known = new Map<number, StatsLine>();
  for (const line of lines) {
    const hour = hourOf(line.key);
    if (hour !== null) known.set(hour, line);
  }
  if (known.size === 0) return { times_s: [], lines: [] };
  const last = Math.max(...known.keys());
  const first = Math.max(last - (most_hours - 1) * hour_s, Math.min(Math.min(...known.keys()), last - (least_hours - 1) * hour_s));
  const times_s: number[] = [];
  for (let hour = first; hour <= last; hour += hour_s) times_s.push(hour);
  return { times_s, lines: times_s.map((hour) => known.get(hour) ?? null) };
}
