import { expect, it } from 'vitest';
import type { StatsLine } from '../api/types.ts';
import { fillHours, hourOf } from './hours.ts';

it.each([
  ['2026-11-21T00:00:00.000Z', 1795219200],
  ['2026-11-21T00', 1795219200],
  ['1795219200', 1795219200],
  ['498672', 1795219200],
  ['', null],
  ['x', null]
])('reads the hour %s', (key, hour) => expect(hourOf(key)).toBe(hour));

it('fills the holes between hours', () => {
  const line = (key: string) => ({ key }) as StatsLine;
  const filled = fillHours([line('2026-11-21T00:00:00Z'), line('2026-11-21T03:00:00Z')], 2);
  expect(filled.lines.map((l) => l?.key ?? null)).toEqual(['2026-11-21T00:00:00Z', null, null, '2026-11-21T03:00:00Z']);
});
