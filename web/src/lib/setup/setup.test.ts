import { expect, test } from 'vitest';
import { bytesOf, isNone, longAge } from './sizes.ts';

test('sizes of the configuration are understood', () => {
  expect(bytesOf('20GiB')).toBe(20 * 1024 ** 3);
  expect(bytesOf('500MB')).toBe(500_000_000);
  expect(bytesOf('1.5kb')).toBe(1500);
  expect(bytesOf('4096')).toBe(4096);
  for (const bad of ['', null, 'much', '-1', '5 apples']) expect(bytesOf(bad)).toBeNull();
});

test('none is none in every unit', () => {
  for (const none of ['0', '0s', '0d', '', null]) expect(isNone(none)).toBe(true);
  for (const some of ['1', '30d', '0.5GiB']) expect(isNone(some)).toBe(false);
});

test('an age in words', () => {
  expect(longAge('30d')).toBe('30 days');
  expect(longAge('1h')).toBe('1 hour');
  expect(longAge('soon')).toBe('soon');
});
