// One opened request: its head at once, its parts (bodies, answer, timeline) when a tab asks for them. While it
// runs, the live row fills in; when it ends, what was read before is read again.
import { ApiError, getAnswer, getRequest, getTimeline, isAbort, listRequests, requestBodyUrl, responseBodyUrl } from '../api/client.ts';
import type { Answer, RequestDetail, RequestRow, Timeline } from '../api/types.ts';
import type { RequestBody, Stream, Tree } from '../worker/bodies.ts';
import { work } from '../worker/work.ts';
import { laterRow } from './merge.ts';

const just_ended_ms = 10_000;
const retry_ms = [150, 400, 1000, 2000]; // the store may be a moment behind the live stream

/** Something that is fetched once, when first needed. */
export class Part<T> {
  #value = $state.raw<T | null>(null);
  #error = $state.raw<ApiError | null>(null);
  #asked = $state(false);
  #load: () => Promise<T>;
  constructor(load: () => Promise<T>) { this.#load = load; }

  get value() { return this.#value; }
  get error() { return this.#error; }

  ask() {
    if (this.#asked) return;
    this.#asked = true;
    void this.again();
  }

  async again() {
    if (!this.#asked) return;
    this.#error = null;
    try {
      this.#value = await this.#load();
    } catch (error) {
      if (!isAbort(error)) this.#error = error as ApiError;
    }
  }
}

export class Detail {
  readonly id: string;
  #live = $state.raw<RequestRow | null>(null);
  #head: Part<RequestDetail>;
  #abort = new AbortController();
  body: Part<RequestBody>;
  tree: Part<Tree>;
  answer: Part<Answer>;
  stream: Part<Stream>;
  /** The request before it in the same conversation; undefined within where there is none. */
  previous: Part<{ row: RequestRow | undefined }>;
  timeline: Part<Timeline>;

  constructor(id: string, known: RequestRow | null) {
    const signal = this.#abort.signal;
    this.id = id;
    this.#live = known;
    this.#head = new Part(() => (known || isNew(id) ? patiently : once)(() => getRequest(id, signal)));
    const soon = <T>(load: () => Promise<T>) => (this.#hasJustEnded() ? patiently(load) : load());
    this.body = new Part(() => soon(() => work('request', requestBodyUrl(id, true), this.#row?.state === 'running')));
    this.tree = new Part(() => soon(() => work('tree', requestBodyUrl(id, true))));
    this.previous = new Part(() => this.#findPrevious(signal));
    this.answer = new Part(() => soon(() => getAnswer(id, signal)));
    this.stream = new Part(() => soon(() => work('stream', responseBodyUrl(id, true))));
    this.timeline = new Part(() => soon(() => getTimeline(id, signal)));
    this.#head.ask();
  }

  /** What is known in short: the later of the live row and the record. */
  #row = $derived.by(() => {
    const head = this.#head.value;
    if (!head || !this.#live) return head ?? this.#live;
    return laterRow(head, this.#live);
  });
  get row() { return this.#row; }
  get head() { return this.#head.value; }
  get error() { return this.#head.error; }
  get parts() { return [this.#head, this.body, this.tree, this.answer, this.stream, this.timeline]; }

  async #findPrevious(signal: AbortSignal) {
    const row = this.#row ?? (await getRequest(this.id, signal));
    if (!row.session_id) return { row: undefined };
    const query = { session: row.session_id, agent: row.agent_id ?? 'main', end: row.started_at, limit: 20 };
    const { requests } = await listRequests(query, signal);
    return { row: requests.find((one) => one.path === row.path && one.id !== row.id) };
  }

  retry() { for (const part of this.parts) void part.again(); }

  #hasJustEnded() {
    const row = this.#row;
    if (!row || row.state === 'running') return false;
    return Date.now() - Date.parse(row.started_at) - (row.duration_ms ?? 0) < just_ended_ms;
  }

  receive(row: RequestRow) {
    if (row.id !== this.id) return;
    const was_running = this.#row?.state === 'running';
    this.#live = this.#live ? laterRow(this.#live, row) : row;
    if (was_running && row.state !== 'running') this.retry();
  }

  /** Events were missed. What has ended is what it was, unless it was deleted. */
  resync() {
    if (this.#row?.state === 'running') this.retry();
    else void this.#head.again();
  }

  close() { this.#abort.abort(); }
}

/** An id begins with the moment it was given (UUIDv7). */
const isNew = (id: string) => Math.abs(Date.now() - Number.parseInt(id.replaceAll('-', '').slice(0, 12), 16)) < just_ended_ms;
const once = <T>(load: () => Promise<T>) => load();

async function patiently<T>(load: () => Promise<T>): Promise<T> {
  for (const wait_ms of retry_ms) {
    try {
      return await load();
    } catch (error) {
      if (!(error instanceof ApiError) || error.status !== 404) throw error;
      await new Promise((resolve) => setTimeout(resolve, wait_ms));
    }
  }
  return load();
}
