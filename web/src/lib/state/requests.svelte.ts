// The list of requests as it is shown: pages from the API, live rows on top, one filter.
import { ApiError, isAbort, listRequests } from '../api/client.ts';
import type { RequestPage, RequestRow } from '../api/types.ts';
import { type Filter, noFilter, queryOf, sameFilter } from './filter.ts';
import { appendPage, mergeLive } from './merge.ts';

const page_size = 300;
const further_size = 500; // who scrolls on wants much
const longest_reread = 500; // the API's own ceiling for one page
const most_waiting_rows = 5000; // live rows kept while a page loads; beyond it the list is read again

export class RequestList {
  #rows = $state.raw<RequestRow[]>([]);
  #total = $state(0);
  #more_than_total = $state(false);
  #cursor = $state<string | null>(null);
  #phase = $state<'first' | 'ready' | 'loading' | 'more'>('first');
  #error = $state<ApiError | null>(null);
  #filter: Filter = noFilter;
  #abort: AbortController | null = null;
  #waiting: RequestRow[] = [];
  #frame = 0;

  get rows() { return this.#rows; }
  /** While there are further pages, at least those that are here; then exactly those. */
  get total() { return this.#more_than_total ? Math.max(this.#total, this.#rows.length) : this.#total; }
  /** There may be more than `total`: counting them all would take too long. */
  get is_minimum() { return this.#more_than_total && this.has_more; }
  get has_more() { return this.#cursor !== null; }
  /** What is seldom is looked for page after page, until the screen is full. */
  get is_looking() { return this.has_more && this.#rows.length < page_size; }
  get error() { return this.#error; }
  /** Nothing is known yet: neither rows nor that there are none. */
  get is_first() { return this.#phase === 'first'; }
  get is_loading() { return this.#phase !== 'ready'; }
  #running = $derived(this.#rows.reduce((sum, row) => sum + (row.state === 'running' ? 1 : 0), 0));
  get running() { return this.#running; }

  use(filter: Filter) {
    if (this.#phase !== 'first' && sameFilter(filter, this.#filter)) return;
    this.#filter = filter;
    void this.#load(page_size);
  }

  /** After missed events. The old rows stay on the screen until the new ones are here. Nothing where no list is in use. */
  reread() {
    if (!this.#abort) return;
    const shown = this.#phase === 'first' ? 0 : this.#rows.length;
    void this.#load(Math.max(page_size, Math.min(longest_reread, shown)), shown);
  }

  /** The first page and, so that fewer rows than are shown never take their place, those behind it. */
  async #read(limit: number, shown: number, signal: AbortSignal): Promise<RequestPage> {
    const page = await listRequests({ ...queryOf(this.#filter), limit }, signal);
    while (page.next_cursor !== null && page.requests.length < Math.min(limit, shown)) {
      const next = await listRequests({ ...queryOf(this.#filter), limit, cursor: page.next_cursor }, signal);
      page.requests = appendPage(page.requests, next.requests);
      page.next_cursor = next.next_cursor;
    }
    return page;
  }

  async #load(limit: number, shown = 0) {
    this.#abort?.abort();
    const abort = (this.#abort = new AbortController());
    if (this.#phase !== 'first') this.#phase = 'loading';
    this.#waiting = [];
    try {
      const page = await this.#read(limit, shown, abort.signal);
      // Rows that came live while the page was on its way are newer than the page, or the same.
      const merged = mergeLive(page.requests, this.#waiting, this.#filter, page.next_cursor !== null);
      this.#rows = merged.rows;
      this.#total = page.total + merged.added;
      this.#more_than_total = page.total_is_minimum === true;
      this.#cursor = page.next_cursor;
      this.#error = null;
      this.#waiting = [];
    } catch (error) {
      if (isAbort(error)) return;
      this.#error = error as ApiError;
    }
    this.#phase = 'ready';
    if (this.#waiting.length) this.#flushSoon();
    this.#fill();
  }

  /** A page of what is seldom may come with few rows, or none, and a place to look on from. */
  #fill() {
    if (!this.#error && this.#rows.length < page_size) void this.more();
  }

  async more() {
    if (this.#phase !== 'ready' || this.#cursor === null) return;
    const abort = (this.#abort = new AbortController());
    this.#phase = 'more';
    try {
      const page = await listRequests({ ...queryOf(this.#filter), limit: further_size, cursor: this.#cursor }, abort.signal);
      this.#rows = appendPage(this.#rows, page.requests);
      this.#cursor = page.next_cursor;
      this.#error = null;
    } catch (error) {
      if (isAbort(error)) return;
      this.#error = error as ApiError;
    }
    this.#phase = 'ready';
    if (this.#waiting.length) this.#flushSoon();
    this.#fill();
  }

  /** A row from the live stream. Rows are put in once per frame, however many come. */
  receive(row: RequestRow) {
    this.#waiting.push(row);
    if (this.#waiting.length > most_waiting_rows) this.reread();
    else if (this.#phase === 'ready') this.#flushSoon();
  }

  #flushSoon() {
    if (this.#frame) return;
    // A hidden page gets no frames; a timer still runs there, slowly.
    if (document.hidden) this.#frame = window.setTimeout(() => this.#flush(), 250);
    else this.#frame = requestAnimationFrame(() => this.#flush());
  }

  #flush() {
    this.#frame = 0;
    if (this.#phase !== 'ready') return;
    const merged = mergeLive(this.#rows, this.#waiting, this.#filter, this.has_more);
    this.#waiting = [];
    this.#rows = merged.rows;
    this.#total = Math.max(0, this.#total + merged.added - merged.removed);
  }
}
