/*
 * suite.mjs: what every test file begins with: an upstream, a proxy before it, and their end.
 */
import { after, before } from 'node:test';
import assert from 'node:assert/strict';
import { Conn } from './client.mjs';
import { Proxy } from './proxy.mjs';
import { Upstream } from './upstream.mjs';

/* Gives an object whose `up` and `proxy` are there once the tests run. */
export function with_proxy(options = {}) {
  const t = {};
  before(async () => {
    t.up = await Upstream.start();
    t.proxy = await Proxy.start({ ...options, upstream: t.up });
  });
  after(async () => {
    Conn.destroy_all();
    try {
      if (t.proxy) {
        const exit = await t.proxy.stop();
        assert.deepEqual(exit, { code: 0, signal: null }, t.proxy.log.slice(-3000));
      }
    } finally {
      await t.up?.stop();
    }
  });
  return t;
}

/* Equal bytes, told by the first place where they differ instead of megabytes of output. */
export function same_bytes(actual, expected, what) {
  const a = Buffer.from(actual);
  const b = Buffer.from(expected);
  if (a.equals(b)) return;
  let at = 0;
  while (at < a.length && at < b.length && a[at] === b[at]) at += 1;
  const around = (x) => JSON.stringify(x.subarray(Math.max(0, at - 20), at + 60).toString('latin1'));
  assert.fail(`${what}: ${a.length} bytes instead of ${b.length}, first difference at ${at}: `
    + `got ${around(a)}, want ${around(b)}`);
}

export function is_prefix(part, whole, what) {
  same_bytes(part, whole.subarray(0, part.length), what);
}
