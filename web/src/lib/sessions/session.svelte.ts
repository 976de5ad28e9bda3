// One session as it is shown: all its requests, kept up by live rows.
import { ApiError, getSession, isAbort, listRequests } from '../api/client.ts';
import type { RequestRow } from '../api/types.ts';
import type { AgentNames } from './trace.ts';
import { laterRow } from '../state/merge.ts';

const page_size = 500;
const most_rows = 10_000; // a session of more is shown in part, and says so

export class SessionRows {
  readonly id: string;
  #rows = $state.raw<ReadonlyMap<string, RequestRow>>(new Map());
  #total = $state(0);
  #error = $state<ApiError | null>(null);
  #ready = $state(false);
  #abort = new AbortController();
  #names = $state.raw<AgentNames>(new Map());
  #named_for = 0;
  #list = $derived([...this.#rows.values()]);

  constructor(id: string) {
    this.id = id;
    void this.read();
  }
  get rows() { return this.#list; }
  /** What the calls that began the agents said of them. */
  get names() { return this.#names; }
  get total() { return Math.max(this.#total, this.#rows.size); }
  get error() { return this.#error; }
  get is_ready() { return this.#ready; }

  async read() {
    let cursor: string | null = null;
    try {
      do {
        const page = await listRequests({ session: this.id, limit: page_size, cursor }, this.#abort.signal);
        this.#take(page.requests);
        this.#total = page.total;
        cursor = page.next_cursor;
      } while (cursor !== null && this.#rows.size < most_rows);
      this.#error = null;
      void this.#readNames();
    } catch (error) {
      if (isAbort(error)) return;
      this.#error = error as ApiError;
    }
    this.#ready = true;
  }

  receive(row: RequestRow) {
    if (row.session_id !== this.id) return;
    this.#take([row]);
    // The call that began an agent is recorded before the agent's first request ends.
    if (row.agent_id && row.state !== 'running' && !this.#names.has(row.agent_id)) void this.#readNames();
  }

  async #readNames() {
    const agents = new Set(this.#list.map((row) => row.agent_id)).size;
    if (agents < 2 || agents === this.#named_for) return;
    this.#named_for = agents;
    const tree = await getSession(this.id, this.#abort.signal).catch(() => null);
    if (tree) this.#names = new Map(tree.agents.map((agent) => [agent.agent_id, { type: agent.agent_type, description: agent.description, is_fork: agent.is_fork }]));
  }
  close() { this.#abort.abort(); }

  #take(rows: RequestRow[]) {
    const next = new Map(this.#rows);
    for (const row of rows) {
      const known = next.get(row.id);
      next.set(row.id, known ? laterRow(known, row) : row);
    }
    this.#rows = next;
  }
}
