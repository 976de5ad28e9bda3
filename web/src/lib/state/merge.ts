// How rows from pages and from the live stream become one list, newest first. Pure.
import type { RequestRow } from '../api/types.ts';
import { type Filter, matches } from './filter.ts';

/** Negative when a stands above b. Ids are UUIDv7: they order requests of the same millisecond. */
export function compareRows(a: RequestRow, b: RequestRow): number {
  if (a.started_at !== b.started_at) return a.started_at > b.started_at ? -1 : 1;
  return a.id === b.id ? 0 : a.id > b.id ? -1 : 1;
}

/** The later of two pictures of one request: an ended one never runs again, and bytes only grow. */
export function laterRow(a: RequestRow, b: RequestRow): RequestRow {
  const a_runs = a.state === 'running';
  const b_runs = b.state === 'running';
  if (a_runs !== b_runs) return a_runs ? b : a;
  if (a_runs) return (b.response_bytes ?? 0) >= (a.response_bytes ?? 0) ? b : a;
  return b;
}

export type Merged = { rows: RequestRow[]; added: number; removed: number };

/**
 * Puts live rows into a list. A row that no longer matches the filter leaves it; one older than the list's
 * last row stays out while there are further pages, which will bring it.
 */
export function mergeLive(rows: RequestRow[], live: RequestRow[], filter: Filter, has_more: boolean): Merged {
  const place = new Map(rows.map((row, index) => [row.id, index]));
  const next = rows.slice();
  const fresh = new Map<string, RequestRow>();
  const gone = new Set<string>();
  const last = rows.at(-1);
  for (const row of live) {
    const index = place.get(row.id);
    if (index !== undefined) {
      const later = laterRow(next[index]!, row);
      next[index] = later;
      if (matches(later, filter)) gone.delete(row.id);
      else gone.add(row.id);
      continue;
    }
    if (has_more && last && compareRows(row, last) > 0) continue;
    const before = fresh.get(row.id);
    fresh.set(row.id, before ? laterRow(before, row) : row);
  }
  const arrivals = [...fresh.values()].filter((row) => matches(row, filter)).sort(compareRows);
  const kept = gone.size ? next.filter((row) => !gone.has(row.id)) : next;
  return { rows: arrivals.length ? zip(arrivals, kept) : kept, added: arrivals.length, removed: gone.size };
}

/** A further page below what is there; a row that is already known is not doubled. */
export function appendPage(rows: RequestRow[], page: RequestRow[]): RequestRow[] {
  const known = new Set(rows.map((row) => row.id));
  return zip(rows, page.filter((row) => !known.has(row.id)).sort(compareRows));
}

function zip(a: RequestRow[], b: RequestRow[]): RequestRow[] {
  const out: RequestRow[] = [];
  let i = 0;
  let j = 0;
  while (i < a.length && j < b.length) out.push(compareRows(a[i]!, b[j]!) <= 0 ? a[i++]! : b[j++]!);
  while (i < a.length) out.push(a[i++]!);
  while (j < b.length) out.push(b[j++]!);
  return out;
}
