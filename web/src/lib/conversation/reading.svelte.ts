// What a conversation knows of where it stands: its session, which agents its calls started, and how the reader
// wants prose, and which words are looked for. Given by context.
import { getContext, setContext } from 'svelte';
import { recall, remember } from '../base/memory.ts';
import type { CallBlock } from './conversation.ts';
import { holds } from './find.ts';

export class Reading {
  session = $state<string | null>(null);
  /** Words to go to, in lower case; '' for none. */
  find = $state('');
  /** Agent ids by the id of the call that started them. */
  agents = $state.raw<ReadonlyMap<string, string>>(new Map());
  #plain = $state(recall('prose') === 'plain');

  get plain() { return this.#plain; }
  set plain(plain: boolean) {
    this.#plain = plain;
    remember('prose', plain ? 'plain' : '');
  }
  holds(value: unknown): boolean {
    return this.find !== '' && holds(value, this.find);
  }
  agentOf(call: CallBlock): string | null {
    return this.agents.get(call.id) ?? null;
  }
}

const key = Symbol('reading');
const none = () => new Reading();
export const createReading = () => setContext(key, new Reading());
export const useReading = () => getContext<Reading | undefined>(key) ?? none();
