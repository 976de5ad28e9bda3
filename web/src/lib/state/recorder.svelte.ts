// What the proxy says of itself: the divisions there are to filter by, and whether anything was lost. Asked for once
// a minute while the page is seen.
import { recall, remember } from '../base/memory.ts';
import { getRecorder, getStats } from '../api/client.ts';
import type { Loss, Stats } from '../api/types.ts';
import { repeat } from './repeat.ts';

const every_ms = 60_000;

export class RecorderWatch {
  #stats = $state.raw<Stats | null>(null);
  #seen = $state(recall('losses_seen'));
  #told = $state.raw<Loss[]>([]);
  #losses = $derived(this.#told.filter((loss) => (loss.effect === 'lost' || loss.effect === 'damaged') && loss.all_time > 0));
  #unseen = $derived(this.#losses.length > 0 && fingerprint(this.#losses) !== this.#seen);

  get stats() { return this.#stats; }
  /** What is missing from the record, or damaged; what is only late or was refused is told on the set-up page. */
  get losses() { return this.#losses; }
  /** There are losses that nobody has put aside yet. */
  get is_new() { return this.#unseen; }

  dismiss() {
    this.#seen = fingerprint(this.#losses);
    remember('losses_seen', this.#seen);
  }

  async ask() {
    try {
      this.#stats = await getStats({});
      this.#told = this.#stats.losses;
    } catch {
      // The pages themselves say when the proxy does not answer, or not all of it.
      this.#told = await getRecorder().then((answer) => answer.losses, () => this.#told);
    }
  }

  start(): () => void {
    return repeat(() => this.ask(), every_ms);
  }
}

const fingerprint = (list: Loss[]) => list.map((loss) => `${loss.reason}:${loss.all_time}`).join(',');
