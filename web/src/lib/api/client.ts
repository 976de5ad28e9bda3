// One function per endpoint of docs/api.md; nothing else in the dashboard calls fetch.
import { ApiError, errorOf } from './errors.ts';
import type { Answer, Deleted, Health, Performance, Provider, RequestDetail, RequestPage, RouteExplanation, Routing, SearchPage, Session, SessionTree, Setup, Stats, StatsLine, StorageState, Timeline, Transcript, TranscriptPage } from './types.ts';

export { ApiError } from './errors.ts';

export function isAbort(error: unknown): boolean {
  return error instanceof DOMException && error.name === 'AbortError';
}

async function get(path: string, signal?: AbortSignal, more: RequestInit = {}): Promise<Response> {
  let response: Response;
  try {
    response = await fetch(path, { ...more, signal: signal ?? null, headers: { accept: 'application/json, */*;q=0.5', ...more.headers } });
  } catch (error) {
    if (isAbort(error)) throw error;
    throw new ApiError(0, 'unreachable', 'The proxy does not answer.');
  }
  if (!response.ok) throw await errorOf(response);
  return response;
}

async function getJson<T>(path: string, signal?: AbortSignal): Promise<T> {
  const response = await get(path, signal);
  try {
    return (await response.json()) as T;
  } catch (error) {
    if (isAbort(error)) throw error;
    throw new ApiError(response.status, 'not_json', 'The answer is not JSON.');
  }
}

function withQuery(path: string, query: Record<string, string | number | null | undefined>): string {
  const params = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (value !== null && value !== undefined && value !== '') params.set(name, String(value));
  }
  const text = params.toString();
  return text ? `${path}?${text}` : path;
}

const requestPath = (id: string) => `/api/requests/${encodeURIComponent(id.toWellFormed())}`;

export const requestBodyUrl = (id: string, decoded = false) =>
  `${requestPath(id)}/request/body${decoded ? '?decoded=1' : ''}`;
export const responseBodyUrl = (id: string, decoded = false) =>
  `${requestPath(id)}/response/body${decoded ? '?decoded=1' : ''}`;

/** Names and values as docs/api.md has them; an empty value is left out. */
export type Query = Record<string, string | number | null | undefined>;

export const listRequests = (query: Query, signal?: AbortSignal) =>
  getJson<RequestPage>(withQuery('/api/requests', query), signal);

export const getRequest = (id: string, signal?: AbortSignal) =>
  getJson<RequestDetail>(requestPath(id), signal);

/** The bodies themselves are read by the worker; these two are for taking them away. */
export const getRequestText = async (id: string) => (await get(requestBodyUrl(id, true))).text();
export const getResponseText = async (id: string) => (await get(responseBodyUrl(id, true))).text();

export const getAnswer = (id: string, signal?: AbortSignal) =>
  getJson<Answer>(`${requestPath(id)}/response/message`, signal);

export const getTimeline = (id: string, signal?: AbortSignal) =>
  getJson<Timeline>(`${requestPath(id)}/timeline`, signal);

export const listSessions = (query: Query, signal?: AbortSignal) =>
  getJson<{ sessions: Session[] }>(withQuery('/api/sessions', query), signal);

export const getSession = (id: string, signal?: AbortSignal) =>
  getJson<SessionTree>(`/api/sessions/${encodeURIComponent(id.toWellFormed())}`, signal);

export const listTranscripts = (query: Query, signal?: AbortSignal) =>
  getJson<{ is_enabled: boolean; transcripts: Transcript[] }>(withQuery('/api/transcripts', query), signal);

export const getTranscript = (id: string, query: Query, signal?: AbortSignal) =>
  getJson<TranscriptPage>(withQuery(`/api/transcripts/${encodeURIComponent(id.toWellFormed())}`, query), signal);

/** Read by the worker. Without `from` the newest messages. */
export const conversationUrl = (id: string, query: Query) => withQuery(`/api/conversations/${encodeURIComponent(id.toWellFormed())}`, query);

export const getStats = (query: Query, signal?: AbortSignal) =>
  getJson<Stats>(withQuery('/api/stats', query), signal);

/** What was lost is known, too, while the database is away. */
export const getRecorder = (signal?: AbortSignal) => getJson<Pick<Stats, 'recorder' | 'losses'>>('/api/stats/recorder', signal);

export const getHours = (query: Query, signal?: AbortSignal) =>
  getJson<{ hours: StatsLine[]; truncated: boolean }>(withQuery('/api/stats/hourly', query), signal);

/** Days as they begin here. */
export const getDays = (query: Query, signal?: AbortSignal) =>
  getJson<{ days: StatsLine[] }>(withQuery('/api/stats/daily', { ...query, tz: -new Date().getTimezoneOffset() || null }), signal);

export const getPerformance = (query: Query, signal?: AbortSignal) =>
  getJson<Performance>(withQuery('/api/stats/performance', query), signal);

export const getProviders = (signal?: AbortSignal) => getJson<{ providers: Provider[] }>('/api/providers', signal);
export const getRouting = (signal?: AbortSignal) => getJson<Routing>('/api/routing', signal);

export const explainRoute = (id: string, signal?: AbortSignal) => getJson<RouteExplanation>(`${requestPath(id)}/route`, signal);

export const getSetup = (signal?: AbortSignal) => getJson<Setup>('/api/setup', signal);

export const search = (query: Query, signal?: AbortSignal) => getJson<SearchPage>(withQuery('/api/search', query), signal);

/** An export streams, so it is an address to download from, not something to read here. */
export const exportUrl = (format: string, query: Query) => withQuery('/api/export', { ...query, format });

export const getStorage = (signal?: AbortSignal) => getJson<StorageState>('/api/storage', signal);

/** One step of a deletion; ask again until it is done. Says in a header that it is meant. */
export async function deleteRequests(query: Query, filtered: boolean): Promise<Deleted> {
  const answer = await get(withQuery('/api/requests', query), undefined, { method: 'DELETE', headers: { 'x-confirm-delete': filtered ? 'matching' : 'all' } });
  return (await answer.json()) as Deleted;
}

/** Deletes one request, which has to have ended. */
export async function deleteRequest(id: string): Promise<Deleted> {
  const answer = await get(requestPath(id), undefined, { method: 'DELETE' });
  return (await answer.json()) as Deleted;
}

export const getHealth = (signal?: AbortSignal) => getJson<Health>('/health', signal);
