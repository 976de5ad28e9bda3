/*
 * wait.mjs: awaiting things with a deadline, so that no test sleeps and none hangs.
 */
import { setTimeout as delay } from 'node:timers/promises';

export const DEADLINE_MS = Number(process.env.TEST_DEADLINE_MS ?? 15000);

/* Rejects, naming `what`, when the promise has not settled in time. */
export function within(promise, ms, what) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`not within ${ms} ms: ${what}`)), ms);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

/* Asks again and again until `probe` gives something true; gives that. */
export async function until(probe, what, ms = DEADLINE_MS) {
  const end = performance.now() + ms;
  let last;
  for (;;) {
    try {
      last = await probe();
      if (last) return last;
    } catch (e) {
      if (e.isFatal) throw e;
      last = e;
    }
    if (performance.now() > end) {
      const seen = last instanceof Error ? last.message : JSON.stringify(last);
      throw new Error(`not within ${ms} ms: ${typeof what === 'function' ? what() : what}; last: ${seen}`);
    }
    await delay(15);
  }
}

/* A number that does not change for `quiet_ms`: what a stalled transfer looks like. */
export async function settled(read, quiet_ms = 400, ms = DEADLINE_MS) {
  let value = read();
  let since = performance.now();
  return until(() => {
    const now = read();
    if (now !== value) {
      value = now;
      since = performance.now();
    }
    return performance.now() - since >= quiet_ms && { value };
  }, 'to come to rest', ms).then((r) => r.value);
}

/* Wakes waiters whenever something has changed. */
export class Signal {
  #waiting = new Set();

  fire() {
    for (const wake of [...this.#waiting]) wake();
  }

  /* Resolves with what `probe` gives as soon as that is true. */
  when(probe, what, ms = DEADLINE_MS) {
    return new Promise((resolve, reject) => {
      const check = () => {
        let value;
        try {
          value = probe();
        } catch (e) {
          finish();
          reject(e);
          return;
        }
        if (!value) return;
        finish();
        resolve(value);
      };
      const timer = setTimeout(() => {
        finish();
        reject(new Error(`not within ${ms} ms: ${what}`));
      }, ms);
      const finish = () => {
        clearTimeout(timer);
        this.#waiting.delete(check);
      };
      this.#waiting.add(check);
      check();
    });
  }
}

/* A small deterministic generator, so that a failing case can be run again from its seed. */
export function random(seed) {
  let s = seed >>> 0 || 1;
  const next = () => {
    s = (s + 0x6d2b79f5) >>> 0;
    let t = s;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
  return { next, below: (n) => Math.floor(next() * n) };
}
