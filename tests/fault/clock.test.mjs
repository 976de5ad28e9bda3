/*
 * clock.test.mjs: the wall clock jumps, by an hour and by ten years, forward and back, in the middle of
 * a stream and between starts. Durations stay true, lists whole, and nothing is removed for being old.
 */
import { after, before, test } from 'node:test';
import assert from 'node:assert/strict';
import fs from 'node:fs/promises';
import { Conn } from '../lib/client.mjs';
import { ask_body, headers_for, session_id, text_stream } from '../lib/messages.mjs';
import { CALM_KINDS, Load } from '../lib/load.mjs';
import { Proxy, temp_dir } from '../lib/proxy.mjs';
import { assert_no_losses, reconcile } from '../lib/reconcile.mjs';
import { Shim, shim_missing } from '../lib/shim.mjs';
import { Upstream } from '../lib/upstream.mjs';
import { Signal, random, until } from '../lib/wait.mjs';

const skip = shim_missing();
const HOUR = 3600e3;
const YEAR = 365 * 24 * HOUR;
const JUMPS = [
  ['an hour back', -HOUR], ['a second back, as at a leap second', -1000], ['an hour on', HOUR],
  ['ten years on', 10 * YEAR], ['to 1970', -Date.now() + 60000], ['right again', 0],
];
/* At least so long a stream is measured; a loaded machine adds to it. */
const STREAM_MS = 300;

let up;
let dir;
let shim;
before(async () => {
  up = await Upstream.start();
  dir = await temp_dir('clock');
  if (!skip) shim = new Shim(dir);
});
after(async () => {
  Conn.destroy_all();
  await up.stop();
  shim?.close();
  await fs.rm(dir, { recursive: true, force: true });
});

/* A stream in the middle of which `jump` is made. Gives its session and how long it took. */
async function stream_with(p, jump) {
  const session = session_id();
  const gate = { signal: new Signal(), is_open: false };
  const events = text_stream('in the middle');
  up.on(session, async (x) => {
    await x.received();
    await x.head(200, [['Content-Type', 'text/event-stream'], ['Transfer-Encoding', 'chunked']]);
    await x.piece(events[0]);
    await gate.signal.when(() => gate.is_open, 'the gate');
    for (const e of events.slice(1)) await x.piece(e);
    await x.finish();
  });
  const from = performance.now();
  const conn = await Conn.open(p.port);
  await conn.request('POST', '/v1/messages', { headers: headers_for(session), body: ask_body() });
  await conn.head('POST');
  await conn.body_at_least(1);
  jump();
  await until(() => performance.now() - from >= STREAM_MS, 'some time');
  gate.is_open = true;
  gate.signal.fire();
  await conn.finish();
  conn.destroy();
  return { session, ms: performance.now() - from };
}

test('the clock jumps in the middle of streams', { skip, timeout: 60000 }, async (t) => {
  const load = new Load(up, random(5), CALM_KINDS);
  const p = await Proxy.start({ upstream: up, env: shim.env });
  try {
    assert.ok(shim.is_loaded, 'the binary can be lied to');
    const sessions = [];
    for (const [name, offset_ms] of JUMPS) {
      const { session, ms } = await stream_with(p, () => shim.set_clock(offset_ms));
      sessions.push(session);
      const row = await p.row(session);
      t.diagnostic(`${name}: ${row.started_at}, ${row.duration_ms} of ${ms.toFixed(1)} ms`);
      assert.equal(row.state, 'complete', name);
      assert.ok(row.duration_ms <= ms && row.duration_ms > STREAM_MS * 0.95 - 20, `${name}: ${row.duration_ms} ms, really ${ms}`);
      assert.ok(row.ttfb_ms >= 0 && row.ttfb_ms < ms && row.first_token_ms >= 0, name);
      const { chunks } = await p.timeline(row.id);
      assert.ok(chunks.every(([at], i) => at >= 0 && (i === 0 || at >= chunks[i - 1][0])), name);
      await load.run(p, 10);
      for (const target of ['/api/sessions', '/api/stats', '/api/stats/hourly', '/api/stats/daily', '/health'])
        assert.equal((await p.get(target)).status, 200, `${name}: ${target}`);
    }
    await reconcile({ proxy: p, up, lines: load.lines });
    /* By pages of two: none twice, none left out, in the order in which they came. */
    const listed = [];
    let cursor = null;
    do {
      const page = await p.api(`/api/requests?limit=2${cursor ? `&cursor=${cursor}` : ''}`);
      listed.push(...page.requests.map((r) => r.session_id));
      cursor = page.next_cursor;
    } while (cursor);
    assert.equal(new Set(listed).size, listed.length);
    assert.equal(listed.length, sessions.length + load.lines.length);
    assert.deepEqual(listed.filter((s) => sessions.includes(s)), sessions.toReversed());
    await assert_no_losses(p);
  } finally {
    shim.set_clock(0);
    assert.deepEqual(await p.stop(), { code: 0, signal: null });
  }
});

test('the clock has jumped between starts: nothing is removed', { skip, timeout: 60000 }, async () => {
  const load = new Load(up, random(6), CALM_KINDS);
  const data = await temp_dir('clock');
  const options = { upstream: up, env: shim.env, dir: data, config: { storage: { retention: { max_age: '1d', rows_max_age: '2d' } } } };
  let p = await Proxy.start(options);
  try {
    await load.run(p, 40);
    await reconcile({ proxy: p, up, lines: load.lines });
    await until(async () => (await p.api('/api/storage')).retention.last_run_at, 'the time to be noted');
    for (const offset_ms of [10 * YEAR, -2 * YEAR, 40 * 24 * HOUR]) {
      await p.stop();
      shim.set_clock(offset_ms);
      p = await Proxy.start(options);
      await until(() => /the clock has jumped: nothing is removed/.test(p.log), 'the jump to be noticed');
      await load.run(p, 5);
      await reconcile({ proxy: p, up, lines: load.lines });
    }
  } finally {
    shim.set_clock(0);
    await p.stop();
    await fs.rm(data, { recursive: true, force: true });
  }
});
