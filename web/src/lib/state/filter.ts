// The filter that every page shares: lives in the URL, goes to the API, and decides whether a live row belongs.
import type { RequestRow } from '../api/types.ts';

export const filterNames = ['q', 'state', 'status', 'model', 'provider', 'agent', 'agent_type', 'class', 'route', 'project', 'session', 'tool', 'range', 'start', 'end'] as const;
export type FilterName = (typeof filterNames)[number];
export type Filter = Record<FilterName, string>;

export const noFilter = Object.fromEntries(filterNames.map((name) => [name, ''])) as Filter;

/** Ranges that end now. A range is kept by its name, so that its link means the same tomorrow. */
export const ranges: Record<string, { label: string; ms: number }> = {
  '1h': { label: 'Last hour', ms: 3_600_000 },
  '6h': { label: 'Last 6 hours', ms: 6 * 3_600_000 },
  '24h': { label: 'Last 24 hours', ms: 24 * 3_600_000 },
  '7d': { label: 'Last 7 days', ms: 7 * 86_400_000 },
  '30d': { label: 'Last 30 days', ms: 30 * 86_400_000 }
};

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

/** The filter alone, as a query string: what goes along from page to page. */
export const filterQuery = (filter: Filter) => withFilter(new URLSearchParams(), filter);

export const sameFilter = (a: Filter, b: Filter) => filterNames.every((name) => a[name] === b[name]);
export const isFiltered = (filter: Filter) => filterNames.some((name) => filter[name] !== '');

/** The first moment the filter lets in; '' for no bound. */
export function startOf(filter: Filter, now_ms = Date.now()): string {
  const range = ranges[filter.range];
  return range ? new Date(now_ms - range.ms).toISOString() : filter.start;
}

/** What the API understands: a range becomes its first moment. */
export function queryOf(filter: Filter, now_ms = Date.now()): Record<string, string> {
  const { range: _range, ...rest } = filter;
  return { ...rest, start: startOf(filter, now_ms), end: ranges[filter.range] ? '' : filter.end };
}

/** What each page but the list can tell apart. */
const known_to = {
  search: ['q', 'session', 'agent', 'tool', 'model', 'range', 'start', 'end'],
  sessions: ['q', 'model', 'project', 'range', 'start', 'end']
} satisfies Record<string, readonly FilterName[]>;
export type FilteredPage = keyof typeof known_to;

const isKnown = (page: FilteredPage, filter: Filter, name: FilterName) =>
  (known_to[page] as readonly FilterName[]).includes(name) && !(page === 'search' && name === 'agent' && filter.agent === 'sub');

/** The part of a filter that a page's API understands. */
export function queryFor(page: FilteredPage, filter: Filter): Record<string, string> {
  return Object.fromEntries(Object.entries(queryOf(filter)).filter(([name]) => isKnown(page, filter, name as FilterName)));
}

/** The rest, in words, so that a page can say what it passes over. */
export const passedOver = (page: FilteredPage, filter: Filter) =>
  filterNames.filter((name) => filter[name] && !isKnown(page, filter, name)).map((name) => name.replace('_', ' '));

export function matches(row: RequestRow, filter: Filter): boolean {
  const start = startOf(filter);
  return (
    (!filter.state || row.state === filter.state) &&
    (!filter.status || matchesStatus(row.status, filter.status)) &&
    (!filter.model || row.model === filter.model) &&
    (!filter.provider || row.provider === filter.provider) &&
    (!filter.session || row.session_id === filter.session) &&
    (!filter.project || row.project === filter.project) &&
    (!filter.agent || matchesAgent(row, filter.agent)) &&
    (!filter.agent_type || (row.agent_type ?? (row.agent_id ? 'unknown' : '')) === filter.agent_type) &&
    (!filter.tool || (row.tools ?? []).some((tool) => tool.name === filter.tool)) &&
    (!start || row.started_at >= start) &&
    (!filter.end || Boolean(ranges[filter.range]) || row.started_at < filter.end) &&
    (!filter.class || row.class === filter.class) &&
    (!filter.route || row.route === filter.route) &&
    (!filter.q || textOf(row).includes(filter.q.toLowerCase()))
  );
}

function matchesAgent(row: RequestRow, wanted: string): boolean {
  const isAgents = Boolean(row.agent_id || row.agent_type);
  if (wanted === 'main') return !isAgents;
  return wanted === 'sub' ? isAgents : row.agent_id === wanted;
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
