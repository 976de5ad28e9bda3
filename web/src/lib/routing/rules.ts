// Rules and providers as words. Pure.
import type { Provider, RouteRule } from '../api/types.ts';
import { words } from '../format/names.ts';
import { formatTokens, plural } from '../format/tokens.ts';

export type Condition = { name: string; value: string };

/** What has to be so that a rule takes a request; none: it takes all that come to it. */
export function conditionsOf(rule: RouteRule): Condition[] {
  return Object.entries(rule.conditions ?? {}).flatMap(([name, value]) => {
    if (value === null || value === undefined || value === '') return [];
    if (name === 'min_tokens') return [{ name: 'context', value: `≥ ${formatTokens(Number(value))} tokens` }];
    if (name === 'max_tokens') return [{ name: 'context', value: `≤ ${formatTokens(Number(value))} tokens` }];
    return [{ name: words(name), value: String(value) }];
  });
}

export const targetOf = ({ target }: RouteRule) => (target.model ? `${target.provider}:${target.model}` : target.provider);

export type Health = { tone: 'good' | 'warn' | 'wrong' | 'none'; text: string };

/** How a provider is, by its breaker; without one nobody watches it, and it is as good as its last answer. */
export function healthOf({ breaker, requests }: Provider, now_ms: number): Health {
  if (!breaker.enabled) return { tone: 'none', text: requests ? 'not watched' : 'not asked yet' };
  if (breaker.state === 'half_open') return { tone: 'warn', text: 'being tried again' };
  if (breaker.state === 'open') {
    const rest_s = breaker.opens_until ? Math.max(0, Math.ceil((Date.parse(breaker.opens_until) - now_ms) / 1000)) : 0;
    return { tone: 'wrong', text: rest_s > 0 ? `left out for ${rest_s} s more` : 'left out until the next try' };
  }
  if (breaker.failures > 0) return { tone: 'warn', text: `${breaker.failures} of ${plural(breaker.max_failures, 'failure')}` };
  return { tone: 'good', text: 'well' };
}
