// The list's filter: lives in the URL, goes to the API, and decides whether a live row belongs in the list.
import type { RequestRow } from '../api/types.ts';

export const filterNames = ['q', 'state', 'status', 'model', 'agent', 'session'] as const;
export type FilterName = (typeof filterNames)[number];
export type Filter = Record<FilterName, string>;

export const noFilter: Filter = { q: '', state: '', status: '', model: '', agent: '', session: '' };

export function filterFromUrl(params: URLSearchParams): Filter {
  const filter = { ...noFilter };
  for (const name of filterNames) filter[name] = params.get(name) ?? '';
  return filter;
}

/** The query string with this filter in it; whatever else is in the URL stays. */
export function withFilter(params: URLSearchParams, change: Partial<Filter>): string {
  const next = new URLSearchParams(params);
  for (const name of filterNames) {
    const value = change[name];
    if (value === undefined) continue;
    if (value) next.set(name, value);
    else next.delete(name);
  }
  const text = next.toString();
  return text ? `?${text}` : '';
}

export const sameFilter = (a: Filter, b: Filter) => filterNames.every((name) => a[name] === b[name]);
export const isFiltered = (filter: Filter) => filterNames.some((name) => filter[name] !== '');

export function matches(row: RequestRow, filter: Filter): boolean {
  return (
    (!filter.state || row.state === filter.state) &&
    (!filter.status || matchesStatus(row.status, filter.status)) &&
    (!filter.model || row.model === filter.model) &&
    (!filter.session || row.session_id === filter.session) &&
    (!filter.agent || (filter.agent === 'main' ? !row.agent_id : row.agent_id === filter.agent)) &&
    (!filter.q || textOf(row).includes(filter.q.toLowerCase()))
  );
}

function matchesStatus(status: number | null, wanted: string): boolean {
  if (status === null) return false;
  return /^\dxx$/.test(wanted) ? Math.floor(status / 100) === Number(wanted[0]) : status === Number(wanted);
}

function textOf(row: RequestRow): string {
  return [row.title, row.path, row.model, row.id, row.session_id, row.agent_id, row.upstream_request_id]
    .concat(row.error ? [row.error.type, row.error.message] : [])
    .join('\n')
    .toLowerCase();
}
