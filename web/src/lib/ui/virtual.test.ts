import { describe, expect, it } from 'vitest';
import { rangeOf, scrollToShow } from './virtual.ts';

describe('virtual list', () => {
  it('draws what is seen, and some more', () => {
    expect(rangeOf(3000, 300, 30, 100_000, 2)).toEqual({ from: 98, to: 112 });
  });
  it('stays within the list', () => {
    expect(rangeOf(0, 300, 30, 3, 8)).toEqual({ from: 0, to: 3 });
    expect(rangeOf(9_000_000, 300, 30, 10, 8)).toEqual({ from: 10, to: 10 });
    expect(rangeOf(0, 300, 30, 0)).toEqual({ from: 0, to: 0 });
  });
  it('scrolls no further than it must', () => {
    expect(scrollToShow(5, 0, 300, 30)).toBe(0);
    expect(scrollToShow(10, 0, 300, 30)).toBe(30);
    expect(scrollToShow(2, 90, 300, 30)).toBe(60);
  });
});
