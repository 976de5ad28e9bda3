// What was asked, and what has been found so far: page after page, grouped by session.
import { ApiError, isAbort, type Query, search } from '../api/client.ts';
import type { Hit } from '../api/types.ts';

const page_size = 60;

export type Group = { session: string | null; title: string | null; hits: Hit[] };

/** Hits come newest first; a session stands where its newest hit does. */
export function groupHits(hits: Hit[]): Group[] {
  const groups = new Map<string | null, Group>();
  for (const hit of hits) {
    const group = groups.get(hit.session_id);
    if (group) group.hits.push(hit);
    else groups.set(hit.session_id, { session: hit.session_id, title: hit.title, hits: [hit] });
  }
  return [...groups.values()];
}

export type Piece = { text: string; is_match: boolean };

/** A snippet in pieces. Marks that do not fit the text are passed over: they come from outside. */
export function piecesOfSnippet(snippet: string, highlights: [number, number][]): Piece[] {
  const pieces: Piece[] = [];
  let at = 0;
  for (const [start, length] of highlights) {
    if (!(start >= at) || !(length > 0) || start + length > snippet.length) continue;
    if (start > at) pieces.push({ text: snippet.slice(at, start), is_match: false });
    pieces.push({ text: snippet.slice(start, start + length), is_match: true });
    at = start + length;
  }
  if (at < snippet.length) pieces.push({ text: snippet.slice(at), is_match: false });
  return pieces;
}

export class Search {
  #hits = $state.raw<Hit[]>([]);
  #next = $state.raw<string | null>(null);
  #complete = $state(true);
  #busy = $state(false);
  #asked = $state(false);
  #error = $state.raw<ApiError | null>(null);
  #query: Query = {};
  #abort = new AbortController();
  #groups = $derived(groupHits(this.#hits));

  get hits() { return this.#hits; }
  get groups() { return this.#groups; }
  get has_more() { return this.#next !== null; }
  /** False where the time ran out before all was looked through. */
  get is_complete() { return this.#complete; }
  get is_busy() { return this.#busy; }
  get was_asked() { return this.#asked; }
  get error() { return this.#error; }

  /** A new question; an empty one clears what was found. */
  async ask(query: Query) {
    this.#query = query;
    this.#abort.abort();
    if (query.q) return this.#read(null);
    this.#hits = [];
    this.#next = null;
    this.#error = null;
    this.#asked = false;
    this.#busy = false;
  }
  more() {
    return this.#busy ? undefined : this.#read(this.#next);
  }
  again() { return this.ask(this.#query); }
  close() { this.#abort.abort(); }

  async #read(cursor: string | null) {
    this.#abort = new AbortController();
    const { signal } = this.#abort;
    this.#busy = true;
    try {
      const wanted = (cursor ? this.#hits.length : 0) + page_size;
      do {
        const page = await search({ ...this.#query, limit: page_size, cursor }, signal);
        this.#hits = cursor ? [...this.#hits, ...page.results] : page.results;
        this.#next = cursor = page.next_cursor;
        this.#complete = page.complete;
        this.#error = null;
      } while (cursor && !this.#complete && this.#hits.length < wanted);
    } catch (error) {
      if (isAbort(error)) return;
      this.#error = error as ApiError;
      if (!cursor) this.#hits = [];
    }
    this.#asked = true;
    this.#busy = false;
  }
}
