import { beforeEach, expect, it, vi } from 'vitest';
import type { RequestPage, RequestRow } from '../api/types.ts';
import { noFilter } from './filter.ts';
import { RequestList } from './requests.svelte.ts';

const { listRequests, is_abort } = vi.hoisted(() => ({ listRequests: vi.fn(), is_abort: vi.fn(() => false) }));
vi.mock('../api/client.ts', () => ({ listRequests, isAbort: is_abort }));

const row = (n: number) => ({ id: `id-${String(n).padStart(4, '0')}`, started_at: new Date(1_700_000_000_000 + n * 1000).toISOString(), state: 'complete' }) as RequestRow;
const page = (ns: number[], next_cursor: string | null): RequestPage =>
  ({ requests: ns.map(row), total: ns.length, total_is_minimum: true, next_cursor });
const settled = () => new Promise((resolve) => setTimeout(resolve, 0));

/** Few rows a page, and pages without any, as of what is seldom. */
const pages: Record<string, RequestPage> = {
  '': page([9], 'a'), a: page([], 'b'), b: page([7, 5], 'c'), c: page([3], null)
};
beforeEach(() => {
  listRequests.mockReset();
  listRequests.mockImplementation((query: { cursor?: string }) => Promise.resolve(structuredClone(pages[query.cursor ?? ''])));
});

it('goes on by itself, and knows the total at the end', async () => {
  const list = new RequestList();
  list.use({ ...noFilter, q: 'seldom' });
  await settled();
  expect(list.rows.map((r) => r.id)).toEqual([9, 7, 5, 3].map((n) => row(n).id));
  expect([list.total, list.is_minimum, list.is_looking]).toEqual([4, false, false]);
});

it('says that it looks further back', async () => {
  listRequests.mockImplementationOnce(() => Promise.resolve(structuredClone(pages['']))).mockImplementation(() => new Promise(() => {}));
  const list = new RequestList();
  list.use({ ...noFilter, q: 'seldom' });
  await settled();
  expect([list.rows.length, list.is_minimum, list.is_looking]).toEqual([1, true, true]);
});

it('never shows fewer rows while it reads again', async () => {
  const list = new RequestList();
  list.use({ ...noFilter, q: 'seldom' });
  await settled();
  const lengths = new Set<number>();
  const answer = listRequests.getMockImplementation()!;
  listRequests.mockImplementation((query: object) => { lengths.add(list.rows.length); return answer(query); });
  list.reread();
  await settled();
  expect([...lengths]).toEqual([4]);
  expect(list.rows.length).toBe(4);
});

it('reads again though the first page is still on its way, and not where nothing was asked', async () => {
  const list = new RequestList();
  list.reread();
  expect(listRequests).not.toHaveBeenCalled();
  listRequests.mockImplementationOnce((_, signal: AbortSignal) => new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(new DOMException('', 'AbortError')))));
  is_abort.mockReturnValueOnce(true);
  list.use({ ...noFilter, q: 'seldom' });
  list.reread();
  await settled();
  expect(list.rows.length).toBe(4);
});
