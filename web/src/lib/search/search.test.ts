import { expect, test, vi } from 'vitest';
import type { Hit } from '../api/types.ts';
import { groupHits, piecesOfSnippet, Search } from './search.svelte.ts';

const hit = (request_id: string, session_id: string | null): Hit => ({ request_id, session_id, agent_id: null, started_at: '', model: null, title: `of ${session_id}`, kind: 'user', tool: null, snippet: '', highlights: [] });

test('hits stand under their sessions, in the order of the newest', () => {
  const groups = groupHits([hit('1', 'a'), hit('2', 'b'), hit('3', 'a'), hit('4', null)]);
  expect(groups.map((group) => [group.session, group.hits.map((one) => one.request_id).join('')])).toEqual([['a', '13'], ['b', '2'], [null, '4']]);
});

test('a snippet is cut at its marks', () => {
  expect(piecesOfSnippet('a date here', [[2, 4]])).toEqual([{ text: 'a ', is_match: false }, { text: 'date', is_match: true }, { text: ' here', is_match: false }]);
  expect(piecesOfSnippet('date', [[0, 4]])).toEqual([{ text: 'date', is_match: true }]);
});

test('marks that do not fit lose no text', () => {
  for (const marks of [[[3, 9]], [[-1, 2]], [[2, 1], [1, 1]], [[0, 0]], [[NaN, 1]]] as [number, number][][]) {
    expect(piecesOfSnippet('text', marks).map((piece) => piece.text).join('')).toBe('text');
  }
});

test('where the time ran out, the search goes on from there', async () => {
  const pages = [{ results: [hit('1', 'a')], next_cursor: '1.5', complete: false }, { results: [], next_cursor: '1.2', complete: false }, { results: [hit('2', 'b')], next_cursor: null, complete: true }];
  const asked: string[] = [];
  vi.stubGlobal('fetch', async (url: unknown) => {
    asked.push(String(url));
    return new Response(JSON.stringify(pages[asked.length - 1]), { headers: { 'content-type': 'application/json' } });
  });
  const found = new Search();
  await found.ask({ q: '"side by side"' });
  vi.unstubAllGlobals();
  expect(found.hits.map((one) => one.request_id)).toEqual(['1', '2']);
  expect(asked.map((url) => /cursor=([\d.]+)/.exec(url)?.[1])).toEqual([undefined, '1.5', '1.2']);
  expect(found.is_complete && !found.has_more && !found.is_busy).toBe(true);
});
