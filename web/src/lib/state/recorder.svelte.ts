// What the recorder says of itself: nothing lost, or how much. Asked for once a minute while the page is seen.
import { recall, remember } from '../base/memory.ts';
import { getStats } from '../api/client.ts';
import type { Recorder } from '../api/types.ts';

const every_ms = 60_000;
const losses = ['lost_frames', 'damaged_frames', 'torn_tails', 'orphan_frames', 'poisoned', 'failed_commits'] as const;
export type Loss = { name: (typeof losses)[number]; count: number };

export class RecorderWatch {
  #recorder = $state.raw<Recorder | null>(null);
  #seen = $state(recall('losses_seen'));
  #losses = $derived(lossesOf(this.#recorder));
  #unseen = $derived(this.#losses.length > 0 && fingerprint(this.#losses) !== this.#seen);

  get recorder() { return this.#recorder; }
  get losses() { return this.#losses; }
  /** There are losses that nobody has put aside yet. */
  get is_new() { return this.#unseen; }

  dismiss() {
    this.#seen = fingerprint(this.#losses);
    remember('losses_seen', this.#seen);
  }

  start(): () => void {
    const ask = async () => {
      if (document.hidden) return;
      try {
        this.#recorder = (await getStats({})).recorder;
      } catch {
        // The pages themselves say when the proxy does not answer.
      }
    };
    void ask();
    const timer = setInterval(ask, every_ms);
    return () => clearInterval(timer);
  }
}

export function lossesOf(recorder: Recorder | null): Loss[] {
  if (!recorder) return [];
  return losses.map((name) => ({ name, count: recorder[name] ?? 0 })).filter((loss) => loss.count > 0);
}

const fingerprint = (list: Loss[]) => list.map((loss) => `${loss.name}:${loss.count}`).join(',');
