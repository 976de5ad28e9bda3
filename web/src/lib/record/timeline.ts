// A stream's chunks put into a fixed number of columns, and what its rhythm says: gaps and stalls.
import type { Timeline } from '../api/types.ts';

export type Column = { bytes: number; chunks: number };
export type Gap = { from_us: number; to_us: number; after_chunk: number };
export type Rhythm = { columns: Column[]; end_us: number; bytes: number; median_gap_us: number | null; gaps: Gap[]; stalls: number };

export const stall_us = 2_000_000; // a pause a reader notices
const most_gaps = 12;

export function rhythmOf(timeline: Timeline, column_count: number): Rhythm {
  const { chunks } = timeline;
  const last_us = chunks.at(-1)?.[0] ?? 0;
  const end_us = Math.max(timeline.duration_us ?? 0, last_us, 1);
  const columns: Column[] = Array.from({ length: column_count }, () => ({ bytes: 0, chunks: 0 }));
  const gaps: Gap[] = [];
  let bytes = 0;
  chunks.forEach(([offset_us, size], index) => {
    const column = columns[Math.min(column_count - 1, Math.floor((offset_us / end_us) * column_count))]!;
    column.bytes += size;
    column.chunks++;
    bytes += size;
    if (index > 0) gaps.push({ from_us: chunks[index - 1]![0], to_us: offset_us, after_chunk: index });
  });
  const length = (gap: Gap) => gap.to_us - gap.from_us;
  gaps.sort((a, b) => length(b) - length(a));
  const median = gaps.length ? length(gaps[Math.floor(gaps.length / 2)]!) : null;
  const stalls = gaps.filter((gap) => length(gap) >= stall_us).length;
  return { columns, end_us, bytes, median_gap_us: median, gaps: gaps.slice(0, most_gaps), stalls };
}

/** Round marks for an axis of about `wanted` steps. */
export function axisMarks(end: number, wanted: number): number[] {
  const raw = end / wanted;
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = ([1, 2, 5, 10].find((factor) => factor * power >= raw) ?? 10) * power;
  const marks: number[] = [];
  for (let mark = 0; mark <= end * 1.0001; mark += step) marks.push(mark);
  return marks;
}
