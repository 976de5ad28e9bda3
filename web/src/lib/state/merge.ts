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
  const place = placesOf(rows, live);
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

/** Where each live row stands already. A list can hold a hundred thousand: it is walked once, and no further than
 *  the last row that is looked for. */
function placesOf(rows: RequestRow[], live: RequestRow[]): Map<string, number> {
  const wanted = new Set(live.map((row) => row.id));
  const place = new Map<string, number>();
  for (let index = 0; index < rows.length && place.size < wanted.size; index++) {
    const { id } = rows[index]!;
    if (wanted.has(id)) place.set(id, index);
  }
  return place;
}

/** A further page below what is there; a row that is already known is not doubled. */
export function appendPage(rows: RequestRow[], page: RequestRow[]): RequestRow[] {
  const places = placesOf(rows, page);
  const fresh = page.filter((row) => !places.has(row.id)).sort(compareRows);
  const last = rows.at(-1);
  return last && fresh[0] && compareRows(fresh[0], last) < 0 ? zip(rows, fresh) : [...rows, ...fresh];
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
