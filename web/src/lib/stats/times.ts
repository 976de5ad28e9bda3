// The hours or days of the statistics as a row without holes, for a chart. Times are seconds since 1970.
import type { StatsLine } from '../api/types.ts';
import { formatDay, formatHour } from '../format/time.ts';

const hour_s = 3600;
const most_steps = 2400; // more than a screen has pixels for

export type Steps = { step: 'hour' | 'day'; times_s: number[]; lines: (StatsLine | null)[] };

/** The moment that a line's key names: an hour in UTC, or a day as it begins here; null for anything else. */
export function timeOf(key: string | null): number | null {
  const day = /^(\d{4})-(\d\d)-(\d\d)$/.exec(key ?? '');
  const ms = day ? new Date(Number(day[1]), Number(day[2]) - 1, Number(day[3])).getTime() : Date.parse(key ?? '');
  return Number.isFinite(ms) ? Math.floor(ms / 1000) : null;
}

/** The next step after a moment; a day can have 23 or 25 hours. */
export function stepAfter(time_s: number, step: Steps['step']): number {
  if (step === 'hour') return time_s + hour_s;
  const date = new Date(time_s * 1000);
  return new Date(date.getFullYear(), date.getMonth(), date.getDate() + 1).getTime() / 1000;
}

export function stepLabel(key: string | null, step: Steps['step']): string {
  const time_s = timeOf(key);
  if (time_s === null) return key ?? '–';
  return (step === 'hour' ? formatHour : formatDay)(new Date(time_s * 1000));
}

/** The stretch of time that a line's key stands for, as a filter has it. */
export function spanOf(key: string, step: Steps['step']): { start: string; end: string } {
  const from_s = timeOf(key) ?? 0;
  const iso = (time_s: number) => new Date(time_s * 1000).toISOString();
  return { start: iso(from_s), end: iso(stepAfter(from_s, step)) };
}

export function fillSteps(lines: StatsLine[], step: Steps['step'], least = 12): Steps {
  const known = new Map<number, StatsLine>();
  for (const line of lines) {
    const time_s = timeOf(line.key);
    if (time_s !== null) known.set(time_s, line);
  }
  if (known.size === 0) return { step, times_s: [], lines: [] };
  const last = Math.max(...known.keys());
  let first = Math.min(...known.keys());
  const date = new Date(last * 1000);
  const wanted = step === 'hour' ? last - (least - 1) * hour_s : new Date(date.getFullYear(), date.getMonth(), date.getDate() - least + 1).getTime() / 1000;
  first = Math.min(first, wanted);
  const times_s: number[] = [];
  for (let at = first; at <= last && times_s.length < most_steps; at = stepAfter(at, step)) times_s.push(at);
  return { step, times_s, lines: times_s.map((at) => known.get(at) ?? null) };
}
