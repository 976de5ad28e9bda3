import { expect, it } from 'vitest';
import type { Provider, RouteRule } from '../api/types.ts';
import { conditionsOf, healthOf, targetOf } from './rules.ts';

const rule = (conditions: RouteRule['conditions']) => ({ conditions, target: { provider: 'openai', model: null } }) as RouteRule;
const provider = (breaker: Partial<Provider['breaker']>, requests = 1) => ({ requests, breaker: { enabled: true, state: 'closed', failures: 0, max_failures: 5, opens_until: null, ...breaker } }) as Provider;

it('tells conditions in words', () => {
  expect(conditionsOf(rule({}))).toEqual([]);
  expect(conditionsOf(rule({ agent: 'plan*', min_tokens: 60_000 }))).toEqual([{ name: 'agent', value: 'plan*' }, { name: 'context', value: '≥ 60.0k tokens' }]);
});
it('names a target without a model by its provider', () => expect(targetOf(rule({}))).toBe('openai'));

it.each<[Partial<Provider['breaker']>, string, string]>([
  [{ enabled: false }, 'none', 'not watched'],
  [{}, 'good', 'well'],
  [{ failures: 2 }, 'warn', '2 of 5 failures'],
  [{ state: 'half_open', failures: 5 }, 'warn', 'being tried again'],
  [{ state: 'open', opens_until: '2026-11-21T00:00:10.500Z' }, 'wrong', 'left out for 11 s more'],
  [{ state: 'open', opens_until: '2026-11-20T00:00:00Z' }, 'wrong', 'left out until the next try']
])('a breaker %o is %s: %s', (breaker, tone, text) => expect(healthOf(provider(breaker), Date.parse('2026-11-21T00:00:00Z'))).toEqual({ tone, text }));
