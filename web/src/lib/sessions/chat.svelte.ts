// A conversation as it is shown: its newest messages first, earlier ones on demand, and the requests behind them.
import { ApiError, conversationUrl } from '../api/client.ts';
import type { RequestRow } from '../api/types.ts';
import { joinResults } from '../conversation/conversation.ts';
import type { ChatMessage, ChatPage } from '../worker/chat.ts';
import { work } from '../worker/work.ts';

const page_size = 300;

export class Chat {
  readonly id: string;
  #page = $state.raw<ChatPage | null>(null);
  #messages = $state.raw<ChatMessage[]>([]);
  #requests = $state.raw<ReadonlyMap<string, RequestRow>>(new Map());
  #error = $state.raw<ApiError | null>(null);

  /** `id`: of a conversation, or of any request in it. */
  constructor(id: string) {
    this.id = id;
    void this.#read({});
  }
  get page() { return this.#page; }
  get messages() { return this.#messages; }
  get error() { return this.#error; }
  /** How many messages stand before those that were read. */
  get earlier() { return this.#messages[0]?.index ?? 0; }
  requestOf(message: ChatMessage) { return this.#requests.get(message.request) ?? null; }
  /** The part that begins with this message, where it is not the first. */
  partAt(index: number) { return index > 0 ? (this.#page?.parts.find((part) => part.from === index) ?? null) : null; }

  readEarlier() {
    const to = this.earlier;
    if (to > 0) return this.#read({ from: Math.max(0, to - page_size), limit: Math.min(page_size, to) });
  }
  again() { return this.#read({}); }

  async #read(query: { from?: number; limit?: number }) {
    try {
      const page = await work('chat', conversationUrl(this.id, { limit: page_size, ...query }));
      const known = new Set(page.messages.map((message) => message.index));
      const messages = [...page.messages, ...this.#messages.filter((message) => !known.has(message.index))].sort((a, b) => a.index - b.index);
      joinResults(messages);
      this.#messages = messages;
      this.#requests = new Map([...this.#requests, ...page.requests.map((row) => [row.id, row] as const)]);
      this.#page = page;
      this.#error = null;
    } catch (error) {
      this.#error = error as ApiError;
    }
  }
}
