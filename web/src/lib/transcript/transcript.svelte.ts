// The transcripts that the client wrote of one session, and the lines of the one that is shown, read on demand.
import { ApiError, getSession, getTranscript, isAbort, listTranscripts } from '../api/client.ts';
import type { Transcript, TranscriptLine, TranscriptPage } from '../api/types.ts';
import { entriesOf } from './entries.ts';

const page_size = 200;

export class SessionTranscripts {
  #files = $state.raw<Transcript[]>([]);
  #is_enabled = $state(true);
  #ready = $state(false);
  #chosen = $state.raw<Transcript | null>(null);
  #lines = $state.raw<TranscriptLine[]>([]);
  #page = $state.raw<TranscriptPage | null>(null);
  #error = $state.raw<ApiError | null>(null);
  #unrecorded = $state(0);
  #entries = $derived(entriesOf(this.#lines));
  #abort = new AbortController();

  constructor(session: string) {
    void this.#read(session);
  }
  /** The main one first. */
  get files() { return this.#files; }
  get is_enabled() { return this.#is_enabled; }
  get is_ready() { return this.#ready; }
  get chosen() { return this.#chosen; }
  get entries() { return this.#entries; }
  /** Lines that have not been read yet. */
  get left() { return Math.max(0, (this.#chosen?.line_count ?? 0) - this.#lines.length); }
  /** Requests of the session that did not come through the proxy. */
  get unrecorded() { return this.#unrecorded; }
  get has_more() { return this.#page !== null && this.#page.next_from !== null; }
  /** Why lines cannot be shown. */
  get missing() { return this.#page?.missing ?? null; }
  get error() { return this.#error; }

  async choose(file: Transcript) {
    this.#chosen = file;
    this.#lines = [];
    this.#page = null;
    await this.more();
  }
  async more() {
    const file = this.#chosen;
    if (!file) return;
    try {
      const page = await getTranscript(file.id, { limit: page_size, from: this.#page?.next_from ?? null }, this.#abort.signal);
      if (this.#chosen !== file) return;
      this.#lines = [...this.#lines, ...page.lines];
      this.#page = page;
      this.#error = null;
    } catch (error) {
      if (!isAbort(error)) this.#error = error as ApiError;
    }
  }
  close() { this.#abort.abort(); }

  async #read(session: string) {
    try {
      const { is_enabled, transcripts } = await listTranscripts({ session, limit: 500 }, this.#abort.signal);
      this.#is_enabled = is_enabled;
      this.#files = transcripts.toSorted((a, b) => Number(a.agent_id !== null) - Number(b.agent_id !== null) || ((a.first_at ?? '') < (b.first_at ?? '') ? -1 : 1));
      if (this.#files[0]) await this.choose(this.#files[0]);
      if (this.#files[0]) this.#unrecorded = (await getSession(session, this.#abort.signal)).unrecorded_count ?? 0;
    } catch (error) {
      if (isAbort(error)) return;
      this.#error = error as ApiError;
    }
    this.#ready = true;
  }
}
