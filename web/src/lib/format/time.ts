// Moments for people, in the browser's own time zone.
const week_ms = 6 * 86_400_000;
// Made once: to make one of these costs more than all the rest of a list's row.
const weekday = new Intl.DateTimeFormat('en-GB', { weekday: 'short' });
const day = new Intl.DateTimeFormat('en-GB', { day: 'numeric', month: 'short' });
const day_of_year = new Intl.DateTimeFormat('en-GB', { day: 'numeric', month: 'short', year: '2-digit' });
const pad = (n: number, width = 2) => String(n).padStart(width, '0');

const clockOf = (date: Date) => `${pad(date.getHours())}:${pad(date.getMinutes())}:${pad(date.getSeconds())}`;

export function formatClock(iso: string | null | undefined): string {
  const date = parse(iso);
  return date ? clockOf(date) : '–';
}

export function formatMoment(iso: string | null | undefined): string {
  const date = parse(iso);
  if (!date) return '–';
  return `${date.getFullYear()}-${pad(date.getMonth() + 1)}-${pad(date.getDate())} ${clockOf(date)}.${pad(date.getMilliseconds(), 3)}`;
}

/** For a column: today the clock, this week the weekday and the minute, before that the day. */
export function formatWhen(iso: string | null | undefined, now = new Date()): string {
  const date = parse(iso);
  if (!date) return '–';
  const same_year = date.getFullYear() === now.getFullYear();
  if (same_year && date.getMonth() === now.getMonth() && date.getDate() === now.getDate()) return clockOf(date);
  if (Math.abs(now.getTime() - date.getTime()) < week_ms) return `${weekday.format(date)} ${pad(date.getHours())}:${pad(date.getMinutes())}`;
  return (same_year ? day : day_of_year).format(date);
}

export const formatDay = (date: Date, now = new Date()) =>
  `${weekday.format(date)} ${(date.getFullYear() === now.getFullYear() ? day : day_of_year).format(date)}`;
export const formatHour = (date: Date, now = new Date()) => `${formatDay(date, now)}, ${pad(date.getHours())}:${pad(date.getMinutes())}`;

export function formatAgo(iso: string | null | undefined, now_ms = Date.now()): string {
  const date = parse(iso);
  if (!date) return '–';
  const seconds = Math.max(0, Math.round((now_ms - date.getTime()) / 1000));
  if (seconds < 5) return 'just now';
  if (seconds < 60) return `${seconds} s ago`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ago`;
  if (seconds < 86400) return `${Math.floor(seconds / 3600)} h ago`;
  return `${Math.floor(seconds / 86400)} d ago`;
}

function parse(iso: string | null | undefined): Date | null {
  if (!iso) return null;
  const date = new Date(iso);
  return Number.isNaN(date.getTime()) ? null : date;
}
