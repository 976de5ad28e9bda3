// Moments for people, in the browser's own time zone.
const pad = (n: number, width = 2) => String(n).padStart(width, '0');

export function formatClock(iso: string | null | undefined): string {
  const date = parse(iso);
  return date ? `${pad(date.getHours())}:${pad(date.getMinutes())}:${pad(date.getSeconds())}` : '–';
}

export function formatMoment(iso: string | null | undefined): string {
  const date = parse(iso);
  if (!date) return '–';
  return `${date.getFullYear()}-${pad(date.getMonth() + 1)}-${pad(date.getDate())} ${formatClock(iso)}.${pad(date.getMilliseconds(), 3)}`;
}

/** Today: the clock alone. Another day: the day and the clock. */
export function formatWhen(iso: string | null | undefined, now = new Date()): string {
  const date = parse(iso);
  if (!date) return '–';
  if (date.toDateString() === now.toDateString()) return formatClock(iso);
  const day = date.toLocaleDateString('en-GB', { day: 'numeric', month: 'short' });
  return `${day}, ${pad(date.getHours())}:${pad(date.getMinutes())}`;
}

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
