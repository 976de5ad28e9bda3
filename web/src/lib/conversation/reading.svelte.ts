// What a conversation knows of where it stands: its session, which agents its calls started, and how the reader
// wants prose, and which words are looked for. Given by context.
import { getContext, setContext } from 'svelte';
import { getSession } from '../api/client.ts';
import type { SessionAgent } from '../api/types.ts';
import { objectOf } from '../base/json.ts';
import { recall, remember } from '../base/memory.ts';
import type { CallBlock } from './conversation.ts';
import { holds } from './find.ts';

export class Reading {
  session = $state<string | null>(null);
  /** Words to go to, in lower case; '' for none. */
  find = $state('');
  #agents = $state.raw<SessionAgent[] | null>(null);
  #agents_of: string | null = null;
  #plain = $state(recall('prose') === 'plain');

  get plain() { return this.#plain; }
  set plain(plain: boolean) {
    this.#plain = plain;
    remember('prose', plain ? 'plain' : '');
  }
  holds(value: unknown): boolean {
    return this.find !== '' && holds(value, this.find);
  }
  /** The session's agents are asked for when a call that starts one is first drawn. */
  askAgents() {
    const session = this.session;
    if (!session || this.#agents_of === session) return;
    this.#agents_of = session;
    getSession(session).then((tree) => session === this.session && (this.#agents = tree.agents), () => {});
  }
  /** The agents that this call can have started: those that carry its description. */
  agentsOf(call: CallBlock): SessionAgent[] {
    const { description, subagent_type } = objectOf(call.input);
    if (typeof description !== 'string') return [];
    return (this.#agents ?? []).filter((agent) => agent.agent_id !== null && agent.description === description && (!agent.agent_type || !subagent_type || agent.agent_type === subagent_type));
  }
}

const key = Symbol('reading');
const none = () => new Reading();
export const createReading = () => setContext(key, new Reading());
export const useReading = () => getContext<Reading | undefined>(key) ?? none();
