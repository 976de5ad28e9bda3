import { describe, expect, it } from 'vitest';
import type { RequestRow } from '../api/types.ts';
import { filterFromUrl, matches, noFilter, withFilter } from './filter.ts';
import { appendPage, compareRows, laterRow, mergeLive } from './merge.ts';

function row(n: number, change: Partial<RequestRow> = {}): RequestRow {
  const base = { id: `id-${String(n).padStart(4, '0')}`, started_at: new Date(1_700_000_000_000 + n * 1000).toISOString() };
  return { ...base, state: 'complete', status: 200, path: '/v1/messages', model: 'm', response_bytes: 1, ...change } as RequestRow;
}
const ids = (rows: RequestRow[]) => rows.map((r) => Number(r.id.slice(3)));

describe('filter', () => {
  it('goes to the URL and back, and leaves the rest of the URL alone', () => {
    const text = withFilter(new URLSearchParams('tab=tools&q=old&model=m'), { q: 'a b', model: '' });
    expect(text).toBe('?tab=tools&q=a+b');
    expect(filterFromUrl(new URLSearchParams(text)).q).toBe('a b');
  });
  it.each<[Partial<RequestRow>, Partial<typeof noFilter>, boolean]>([
    [{ status: 429 }, { status: '4xx' }, true],
    [{ status: 529 }, { status: '4xx' }, false],
    [{ status: null }, { status: '4xx' }, false],
    [{ status: 429 }, { status: '429' }, true],
    [{ agent_id: null }, { agent: 'main' }, true],
    [{ agent_id: 'a' }, { agent: 'main' }, false],
    [{ agent_id: 'a' }, { agent: 'a' }, true],
    [{ title: 'Fix THE test' }, { q: 'the' }, true],
    [{ error: { type: 'overloaded_error', message: '' } }, { q: 'overload' }, true],
    [{ title: 'x' }, { q: 'zzz' }, false]
  ])('%o with %o: %s', (change, filter, wanted) => {
    expect(matches(row(1, change), { ...noFilter, ...filter })).toBe(wanted);
  });
});

describe('merge', () => {
  it('puts new rows where their time says', () => {
    const merged = mergeLive([row(5), row(3)], [row(6), row(4), row(6)], noFilter, false);
    expect(ids(merged.rows)).toEqual([6, 5, 4, 3]);
    expect(merged.added).toBe(2);
  });
  it('keeps an old row out while a further page will bring it', () => {
    expect(ids(mergeLive([row(5), row(3)], [row(2)], noFilter, true).rows)).toEqual([5, 3]);
    expect(ids(mergeLive([row(5), row(3)], [row(2)], noFilter, false).rows)).toEqual([5, 3, 2]);
  });
  it('removes a row that has left the filter', () => {
    const merged = mergeLive([row(1, { state: 'running' })], [row(1)], { ...noFilter, state: 'running' }, false);
    expect(merged).toEqual({ rows: [], added: 0, removed: 1 });
  });
  it('does not count a row that the filter keeps out', () => {
    expect(mergeLive([], [row(1)], { ...noFilter, model: 'other' }, false).added).toBe(0);
  });
  it('never lets an ended request run again', () => {
    const ended = row(1);
    const late = row(1, { state: 'running', response_bytes: 999 });
    expect(laterRow(ended, late)).toBe(ended);
    expect(laterRow(late, ended)).toBe(ended);
  });
  it('lets a running request only grow', () => {
    const small = row(1, { state: 'running', response_bytes: 1 });
    const large = row(1, { state: 'running', response_bytes: 2 });
    expect(laterRow(large, small)).toBe(large);
  });
  it('does not double a row when pages overlap', () => {
    expect(ids(appendPage([row(3), row(2)], [row(2), row(1)]))).toEqual([3, 2, 1]);
  });
  it('orders requests of one millisecond by id', () => {
    const a = { ...row(1), started_at: row(2).started_at };
    expect(compareRows(row(2), a)).toBeLessThan(0);
  });
});
