import { describe, expect, it } from 'vitest';
import { loneValues } from './lone.ts';

describe('lone values', () => {
  it('finds the only value', () => expect(loneValues([null, null, 0])).toEqual([2]));
  it('finds those between holes, and at both ends', () => expect(loneValues([1, null, 2, null, 3, 4, null, 5])).toEqual([0, 2, 7]));
  it.each([[[]], [[null, null]], [[1, 2]]])('finds none in %j', (values) => expect(loneValues(values)).toEqual([]));
});
