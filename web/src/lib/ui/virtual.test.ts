import { describe, expect, it } from 'vitest';
import { placeInSlots, rangeOf, scrollToShow } from './virtual.ts';

describe('virtual list', () => {
  it('draws what is seen, and some more', () => {
    expect(rangeOf(3000, 300, 30, 100_000, 2)).toEqual({ from: 98, to: 112 });
  });
  it('stays within the list', () => {
    expect(rangeOf(0, 300, 30, 3, 8)).toEqual({ from: 0, to: 3 });
    expect(rangeOf(9_000_000, 300, 30, 10, 8)).toEqual({ from: 10, to: 10 });
    expect(rangeOf(0, 300, 30, 0, 8)).toEqual({ from: 0, to: 0 });
  });
  it('scrolls no further than it must', () => {
    expect(scrollToShow(5, 0, 300, 30)).toBe(0);
    expect(scrollToShow(10, 0, 300, 30)).toBe(30);
    expect(scrollToShow(2, 90, 300, 30)).toBe(60);
  });
});

it('slots stay with their ids, and free ones are used again', () => {
  const first = placeInSlots(new Map(), ['a', 'b', 'c']);
  expect([...first.values()]).toEqual([0, 1, 2]);
  const second = placeInSlots(first, ['b', 'c', 'd']);
  expect([second.get('b'), second.get('c'), second.get('d')]).toEqual([1, 2, 0]);
  const third = placeInSlots(second, ['x', 'y', 'z', 'w']);
  expect(new Set(third.values()).size).toBe(4);
  // Fewer rows for a while: no slot is given twice afterwards.
  const fourth = placeInSlots(placeInSlots(third, ['w']), ['w', 'v', 'u', 't', 's']);
  expect(new Set(fourth.values()).size).toBe(5);
});
