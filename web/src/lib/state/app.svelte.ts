// Everything that lives as long as the page: the live connection and who listens to it. Given by context, so
// that there is no state at module level.
import { getContext, setContext } from 'svelte';
import { type LiveStatus, openLive } from '../api/live.ts';
import type { RequestRow } from '../api/types.ts';
import { Clock } from './clock.svelte.ts';
import { RecorderWatch } from './recorder.svelte.ts';
import { RequestList } from './requests.svelte.ts';
import { Theme } from './theme.svelte.ts';

type RowListener = (row: RequestRow, kind: 'started' | 'progress' | 'ended') => void;

export class App {
  list = new RequestList();
  clock = new Clock();
  theme = new Theme();
  recorder = new RecorderWatch();
  #status = $state<LiveStatus>('connecting');
  #listeners = new Set<RowListener>();
  #resyncs = new Set<() => void>();

  get status() { return this.#status; }

  /** Called for each live row until the returned function is called. */
  onRow(listener: RowListener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Called when live rows were missed. */
  onResync(listener: () => void): () => void {
    this.#resyncs.add(listener);
    return () => this.#resyncs.delete(listener);
  }

  start(): () => void {
    const stopRecorder = this.recorder.start();
    const stopLive = openLive({
      onRow: (row, kind) => {
        this.list.receive(row);
        for (const listener of this.#listeners) listener(row, kind);
      },
      onResync: () => {
        this.list.reread();
        for (const listener of this.#resyncs) listener();
      },
      onStatus: (status) => (this.#status = status)
    });
    return () => {
      stopLive();
      stopRecorder();
    };
  }
}

const key = Symbol('app');
export const createApp = () => setContext(key, new App());
export const useApp = () => getContext<App>(key);
