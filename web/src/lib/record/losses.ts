// What a translation to another provider's language could not carry over, put in order. Pure.
import type { TranslationLoss } from '../api/types.ts';

export type LossGroup = { what: string; losses: TranslationLoss[] };
const kinds = ['dropped', 'approximated', 'renamed'];

/** One group for each kind, the gravest first; within it as the proxy told them. */
export function groupLosses(losses: TranslationLoss[] | null | undefined): LossGroup[] {
  const others = (losses ?? []).map((loss) => loss.what).filter((what) => !kinds.includes(what));
  return [...new Set([...kinds, ...others])]
    .map((what) => ({ what, losses: (losses ?? []).filter((loss) => loss.what === what) }))
    .filter((group) => group.losses.length > 0);
}
