import { describe, expect, it } from 'vitest';
import type { StatsLine } from '../api/types.ts';
import { formatDay } from '../format/time.ts';
import { fillSteps, spanOf, stepAfter, stepLabel, timeOf } from './times.ts';

const line = (key: string | null) => ({ key, request_count: 1 }) as StatsLine;

describe('steps', () => {
  it('reads hours in UTC, days as they begin here', () => {
    expect(timeOf('2026-11-21T14:00:00Z')).toBe(Date.UTC(2026, 10, 21, 14) / 1000);
    expect(timeOf('2026-11-21')).toBe(new Date(2026, 10, 21).getTime() / 1000);
  });
  it.each([[null], [''], ['<b>'], ['none']])('knows no time in %j', (key) => expect(timeOf(key)).toBe(null));
  it('fills the holes', () => {
    const steps = fillSteps([line('2026-11-21T14:00:00Z'), line('2026-11-21T17:00:00Z')], 'hour', 2);
    expect(steps.lines.map((one) => one?.request_count ?? 0)).toEqual([1, 0, 0, 1]);
  });
  it('shows some time even for one hour', () => expect(fillSteps([line('2026-11-21T14:00:00Z')], 'hour', 12).times_s.length).toBe(12));
  it('goes from day to day by the calendar', () => {
    const start = new Date(2026, 2, 28).getTime() / 1000;
    expect(new Date(stepAfter(start, 'day') * 1000).getDate()).toBe(29);
    expect(fillSteps([line('2026-03-28'), line('2026-03-31')], 'day', 1).lines.length).toBe(4);
  });
  it('says which hour or day it is, and where it begins and ends', () => {
    const hour = new Date(2015, 10, 20, 14);
    expect(stepLabel(hour.toISOString(), 'hour')).toBe('Fri 20 Nov 15, 14:00');
    expect(stepLabel('2015-11-20', 'day')).toBe('Fri 20 Nov 15');
    expect(formatDay(new Date(2026, 10, 20), new Date(2026, 11, 1))).toBe('Fri 20 Nov');
    expect(stepLabel('<b>', 'day')).toBe('<b>');
    expect(spanOf(hour.toISOString(), 'hour')).toEqual({ start: hour.toISOString(), end: new Date(2015, 10, 20, 15).toISOString() });
    expect(spanOf('2026-03-28', 'day')).toEqual({ start: new Date(2026, 2, 28).toISOString(), end: new Date(2026, 2, 29).toISOString() });
  });
  it('is empty without lines', () => expect(fillSteps([], 'day').times_s).toEqual([]));
});
