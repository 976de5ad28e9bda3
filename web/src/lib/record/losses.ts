// What a translation to another provider's language could not carry over, put in order. Pure.
import type { TranslationLoss } from '../api/types.ts';

export type LossGroup = { what: string; losses: TranslationLoss[] };
const kinds = ['dropped', 'approximated', 'renamed'];

/** Providers that were asked before and did not answer: not lost, but told in the same list. */
export const fallbacksOf = (losses: TranslationLoss[] | null | undefined) => (losses ?? []).filter((loss) => loss.what === 'fallback');

/** One group for each kind, the gravest first; within it as the proxy told them. */
export function groupLosses(all: TranslationLoss[] | null | undefined): LossGroup[] {
  const losses = (all ?? []).filter((loss) => loss.what !== 'fallback');
  const others = losses.map((loss) => loss.what).filter((what) => !kinds.includes(what));
  return [...new Set([...kinds, ...others])]
    .map((what) => ({ what, losses: losses.filter((loss) => loss.what === what) }))
    .filter((group) => group.losses.length > 0);
}
