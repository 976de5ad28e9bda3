// Durations for people: 0.4 ms, 812 ms, 5.12 s, 1 m 04 s, 2 h 05 m.
export function formatDuration(ms: number | null | undefined): string {
  if (ms === null || ms === undefined || !Number.isFinite(ms)) return '–';
  if (ms < 0) return '0 ms';
  if (ms < 10) return `${Number(ms.toFixed(1))} ms`;
  if (ms < 999.5) return `${Math.round(ms)} ms`;
  if (ms < 9995) return `${(ms / 1000).toFixed(2)} s`;
  if (ms < 59950) return `${(ms / 1000).toFixed(1)} s`;
  const seconds = Math.round(ms / 1000);
  if (seconds < 3600) return `${Math.floor(seconds / 60)} m ${pad(seconds % 60)} s`;
  return `${Math.floor(seconds / 3600)} h ${pad(Math.floor((seconds % 3600) / 60))} m`;
}

export const formatMicros = (us: number | null | undefined) =>
  formatDuration(us === null || us === undefined ? null : us / 1000);

/** For a number that changes many times a second: one digit after the point, so that it does not flicker. */
export function formatTicking(ms: number): string {
  return ms < 59950 ? `${(Math.max(0, ms) / 1000).toFixed(1)} s` : formatDuration(ms);
}

const pad = (n: number) => String(n).padStart(2, '0');

/** A round duration, as on an axis: 10 s, not 10.0 s. */
export const formatRound = (ms: number) => formatDuration(ms).replace(/^\d+\.\d+/, (number) => String(Number(number)));
