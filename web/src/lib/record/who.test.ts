import { expect, it } from 'vitest';
import type { RequestRow } from '../api/types.ts';
import { routeOf, routeTitle, toldBy, whoOf } from './who.ts';

const row = (more: Partial<RequestRow>) => ({ agent_id: null, agent_type: null, provider: 'anthropic', ...more }) as RequestRow;

it.each<[Partial<RequestRow>, string]>([
  [{}, 'main'],
  [{ class: 'main' }, 'main'],
  [{ class: 'count_tokens' }, 'count tokens'],
  [{ class: 'agent', agent_id: 'a0123456789abcdef', agent_type: 'reviewer' }, 'reviewer'],
  [{ class: 'agent', agent_type: 'reviewer' }, 'reviewer'],
  [{ class: 'fork', agent_id: 'a0123456789abcdef' }, 'fork'],
  [{ agent_id: 'a0123456789abcdef' }, '89abcdef']
])('%o is of %s', (more, name) => expect(whoOf(row(more))).toBe(name));

it('says how it was told, and does not invent what it does not know', () => {
  expect(toldBy('spawn')).toBe('by the call that began it');
  expect(toldBy('new_way')).toBe('by new way');
  expect([toldBy(null), toldBy('')]).toEqual(['', '']);
});

it('tells a route from one that was only thought of', () => {
  expect(routeOf(row({}))).toBeNull();
  const real = routeOf(row({ provider: 'openai', route: 'r', route_target: 'openai:gpt-5' }))!;
  expect(real).toMatchObject({ provider: 'openai', is_shadow: false });
  expect(routeTitle(real)).toBe('Rule r sent it to openai:gpt-5');
  expect(routeTitle(routeOf(row({ provider: 'local', route: 'r', route_target: 'openai:gpt-5' }))!)).toBe('Rule r wanted openai:gpt-5; local stood in');
  expect(routeTitle(routeOf(row({ route: 'r', route_target: 'openai:gpt-5', shadow: true }))!)).toBe('Stayed. Rule r would have sent it to openai:gpt-5');
});
