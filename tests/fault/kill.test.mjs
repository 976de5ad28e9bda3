/*
 * kill.test.mjs: kill -9 in the middle of mixed load, again and again, on one data directory. After
 * each restart the books are reconciled (lib/reconcile.mjs), and at the end once more for all.
 * TEST_LENGTH=long: 200 kills; else 10. SEED repeats a run.
 */
import { after, before, test } from 'node:test';
import assert from 'node:assert/strict';
import fs from 'node:fs/promises';
import { Conn, ask } from '../lib/client.mjs';
import { Load, RESTLESS_KINDS } from '../lib/load.mjs';
import { Proxy, temp_dir } from '../lib/proxy.mjs';
import { assert_no_losses, assert_verified, reconcile } from '../lib/reconcile.mjs';
import { Upstream } from '../lib/upstream.mjs';
import { random, until } from '../lib/wait.mjs';

const ROUNDS = process.env.TEST_LENGTH === 'long' ? 200 : 10;
const SEED = Number(process.env.SEED ?? 20261121);
const STREAMS = 40;

let up;
let dir;
let proxy;
before(async () => {
  up = await Upstream.start();
  up.is_raw_kept = false;
  dir = await temp_dir('kill');
});
after(async () => {
  Conn.destroy_all();
  try {
    if (proxy && proxy.exit === null) await proxy.stop();
  } finally {
    await up.stop();
    await fs.rm(dir, { recursive: true, force: true });
  }
});

test(`kill -9 under mixed load, ${ROUNDS} times`, { timeout: ROUNDS * 30000 }, async (t) => {
  const r = random(SEED);
  const load = new Load(up, r, RESTLESS_KINDS);
  const total = {};
  let slowest_ms = 0;
  t.diagnostic(`SEED=${SEED}`);
  proxy = await Proxy.start({ upstream: up, dir });
  for (let round = 0; round < ROUNDS; round += 1) {
    const first = load.lines.length;
    const was_asked = up.ledger.length;
    /* Killed once clients have seen so many bytes: a moment in mid-stream, by chance. */
    const limit = r.below(250000);
    const running = load.run(proxy, 100000, { width: STREAMS, is_over: () => proxy.exit !== null || proxy.child.killed });
    await until(() => load.seen >= limit && up.ledger.length > was_asked, 'the load to be under way', 20000);
    await proxy.kill();
    await running;
    const from = performance.now();
    proxy = await Proxy.start({ upstream: up, dir });
    slowest_ms = Math.max(slowest_ms, performance.now() - from);
    assert.ok(slowest_ms < 3000, `recovery took ${slowest_ms} ms`);
    const lines = load.lines.slice(first);
    const { endings } = await reconcile({ proxy, up, lines, may_be_killed: true, only_these: true });
    for (const [k, n] of Object.entries(endings)) total[k] = (total[k] ?? 0) + n;
    /* A kill in the middle of a write leaves a torn tail; nothing else is wrong with the journal. */
    await assert_no_losses(proxy, ['journal_torn']);
    load.forget(lines);
  }
  t.diagnostic(`${load.lines.length} requests; endings: ${JSON.stringify(total)}; slowest recovery ${Math.round(slowest_ms)} ms`);
  assert.ok(total.proxy_crash > 0, 'some streams were cut by the kill');
  /* Earlier rounds are untouched by later kills. */
  await reconcile({ proxy, up, lines: load.lines, may_be_killed: true });
  assert.equal((await ask(proxy.port, 'GET', '/health')).status, 200);
  await assert_verified(proxy);
});
