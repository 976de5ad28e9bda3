import { describe, expect, it } from 'vitest';
import type { RequestRow } from '../api/types.ts';
import { marksOf, placeOf, traceOf } from './trace.ts';

const zero = Date.UTC(2026, 0, 1);
const row = (id: string, at_s: number, took_s: number, more: Partial<RequestRow> = {}) =>
  ({ id, started_at: new Date(zero + at_s * 1000).toISOString(), duration_ms: took_s * 1000, state: 'complete', agent_id: null, parent_agent_id: null, usage: { input_tokens: 1, output_tokens: 2, cache_read_input_tokens: 3, cache_creation_input_tokens: 4 }, cost_usd_micro: 10, flags: [], ...more }) as unknown as RequestRow;

describe('trace', () => {
  const rows = [row('3', 4, 5, { agent_id: 'b', parent_agent_id: 'a' }), row('1', 0, 3), row('2', 2, 9, { agent_id: 'a' }), row('4', 12, 1)];
  const trace = traceOf(rows, zero + 60_000);

  it('hangs agents under those that started them', () => {
    expect(trace.agents.map((agent) => [agent.id, agent.depth])).toEqual([[null, 0], ['a', 1], ['b', 2]]);
  });
  it('rolls numbers up', () => {
    expect(trace.agents.map((agent) => [agent.own.requests, agent.all.requests])).toEqual([[2, 4], [1, 2], [1, 1]]);
    expect(trace.sums).toMatchObject({ requests: 4, input: 4, written: 16, output: 8, cached: 12, cost_micro: 40, errors: 0 });
  });
  it('lets a running request reach to now', () => {
    expect(traceOf([row('1', 0, 0, { state: 'running', duration_ms: null })], zero + 5000).to_ms).toBe(zero + 5000);
  });
  it('shows agents that name each other as parents', () => {
    const made = traceOf([row('1', 0, 1), row('2', 1, 1, { agent_id: 'x', parent_agent_id: 'y' }), row('3', 2, 1, { agent_id: 'y', parent_agent_id: 'x' })], zero);
    expect(made.agents.length).toBe(3);
  });
  it('survives no rows', () => expect(traceOf([], zero).agents).toEqual([]));
});

describe('axis', () => {
  it('cuts idle time to a notch', () => {
    const { axis } = traceOf([row('1', 0, 10), row('2', 3600, 10)], zero);
    expect(axis.map((stretch) => stretch.idle)).toEqual([false, true, false]);
    expect(axis[0]!.width).toBeCloseTo(axis[2]!.width);
    expect(placeOf(axis, zero)).toBe(0);
    expect(placeOf(axis, zero + 3_610_000)).toBeCloseTo(1);
    expect(placeOf(axis, zero + 10_000)).toBeLessThan(placeOf(axis, zero + 3_600_000));
  });
});

describe('marks', () => {
  const busy = (from_ms: number, to_ms: number, left: number, width: number) => ({ from_ms, to_ms, left, width, idle: false });
  it('has round steps within a long stretch, and none that touch', () => {
    const marks = marksOf([busy(0, 15_200, 0, 1)]);
    expect(marks.slice(1).map((mark) => mark.text)).toEqual(['+2 s', '+4 s', '+6 s', '+8 s', '+10 s', '+12 s', '+14 s']);
  });
  it('names the beginning of each stretch where there is room', () => {
    const marks = marksOf([busy(0, 1000, 0, 0.04), { ...busy(1000, 90_000, 0.04, 0.01), idle: true }, busy(90_000, 91_000, 0.05, 0.05), busy(200_000, 300_000, 0.5, 0.5)]);
    expect(marks.map((mark) => mark.left)).toEqual([0, 0.5, 0.65, 0.8].map((left) => expect.closeTo(left)));
  });
  it('has an end for a stretch without length', () => expect(marksOf([busy(5, 5, 0, 1)])).toHaveLength(1));
});
