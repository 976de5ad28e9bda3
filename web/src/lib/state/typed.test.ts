import { expect, it } from 'vitest';
import { Typed } from './typed.ts';

it('knows its own, also when one was overtaken, and what comes from elsewhere', () => {
  const typed = new Typed();
  expect(typed.isNew('')).toBe(true);
  typed.send('sched');
  typed.send('scheduler');
  expect(typed.isNew('scheduler')).toBe(false);
  expect(typed.isNew('sched')).toBe(true);
  typed.send('again');
  expect(typed.isNew('of a link')).toBe(true);
  expect(typed.isNew('again')).toBe(true);
});
