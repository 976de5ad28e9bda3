/*
 * postgres.test.mjs: records in PostgreSQL, under mixed load, while the server is stopped, frozen,
 * cut off after COMMIT, and the proxy killed in between. Nothing is missing and nothing twice.
 * The server is away for some seconds; TEST_LENGTH=long: for a minute, and 40 kills instead of 4.
 */
import { after, before, test } from 'node:test';
import assert from 'node:assert/strict';
import fs from 'node:fs/promises';
import { Conn } from '../lib/client.mjs';
import { CALM_KINDS, Load, RESTLESS_KINDS } from '../lib/load.mjs';
import { Cutter, Postgres, sql, why_no_postgres } from '../lib/postgres.mjs';
import { Proxy, temp_dir } from '../lib/proxy.mjs';
import { assert_clients_served, assert_no_losses, reconcile } from '../lib/reconcile.mjs';
import { Upstream } from '../lib/upstream.mjs';
import { random, until } from '../lib/wait.mjs';

const IS_LONG = process.env.TEST_LENGTH === 'long';
const AWAY_MS = IS_LONG ? 60000 : 1000;
const KILLS = IS_LONG ? 40 : 4;
const SEED = Number(process.env.SEED ?? 20261127);
const CAUGHT_UP_MS = 60000; // a server that hung is given up first
const skip = why_no_postgres();

let up;
let server;
before(async () => {
  up = await Upstream.start();
  up.is_raw_kept = false;
  if (!skip) server = await Postgres.start();
});
after(async () => {
  Conn.destroy_all();
  await up.stop();
  await server?.stop();
});

/* A database of its own, and a proxy on it; `t.p` may be exchanged. */
async function on_postgres(kinds, work, url_of = (url) => url) {
  const db = await server.database();
  const dir = await temp_dir('postgres');
  const t = { load: new Load(up, random(SEED), kinds), dir };
  t.start = () => Proxy.start({ upstream: up, dir, env: { DB_TYPE: 'postgres', DATABASE_URL: url_of(db.url) } });
  t.count = async () => Number(await sql(db.url, 'SELECT count(*) FROM requests'));
  try {
    t.p = await t.start();
    await work(t);
  } finally {
    await t.p?.stop();
    await fs.rm(dir, { recursive: true, force: true });
    await db.drop();
  }
}

/* Load for as long as something lasts. */
async function during(t, harm, heal) {
  let is_over = false;
  const running = t.load.run(t.p, 1e9, { width: 4, pause_ms: IS_LONG ? 50 : 5, is_over: () => is_over });
  await harm();
  const from = performance.now();
  const count = t.load.lines.length;
  await until(() => performance.now() - from > AWAY_MS && t.load.lines.length > count + 50, 'load meanwhile', AWAY_MS + 30000);
  await heal();
  is_over = true;
  const lines = await running;
  assert_clients_served(up, lines);
  return lines;
}

async function reconcile_all(t, more = {}) {
  const lines = t.load.lines.filter((l) => !l.is_forgotten);
  const found = await reconcile({ proxy: t.p, up, lines, ms: CAUGHT_UP_MS, ...more });
  t.load.forget(lines);
  return found;
}

test('stopped and started, and frozen, under load', { skip, timeout: 120000 + 4 * AWAY_MS }, (c) => on_postgres(CALM_KINDS, async (t) => {
  await during(t, () => server.halt(), async () => {
    const { recorder, losses } = await t.p.api('/api/stats/recorder'); // what others cannot say now
    assert.ok(recorder.lag_bytes > 0 && losses.find((l) => l.reason === 'store_commit').since_start > 0);
    await server.resume();
  });
  const from = performance.now();
  await reconcile_all(t);
  c.diagnostic(`${t.load.lines.length} requests, caught up after ${Math.round(performance.now() - from)} ms`);
  await during(t, () => server.freeze(), () => server.thaw());
  await reconcile_all(t);
  assert.equal(await t.count(), t.load.lines.length);
  await assert_no_losses(t.p, ['store_commit', 'retention_failed']);
}));

test('cut off after COMMIT, again and again', { skip, timeout: 120000 }, async (c) => {
  const cutter = await Cutter.start(server.socket, (n) => n % 3 === 0);
  try {
    await on_postgres(CALM_KINDS, async (t) => {
      for (let i = 0; i < 6; i += 1) {
        await t.load.run(t.p, 10);
        await reconcile_all(t);
      }
      assert.ok(cutter.cut >= 2, `${cutter.cut} cuts`);
      c.diagnostic(`${cutter.cut} of ${cutter.commits} commits were cut off`);
      assert.equal(await t.count(), t.load.lines.length);
      await assert_no_losses(t.p, ['store_commit', 'retention_failed']);
    }, (url) => cutter.url(url));
  } finally {
    await cutter.stop();
  }
});

test(`kill -9 of the proxy, ${KILLS} times, every other time without the server`, { skip, timeout: 60000 + KILLS * 20000 }, () => on_postgres(RESTLESS_KINDS, async (t) => {
  const r = random(SEED);
  for (let i = 0; i < KILLS; i += 1) {
    if (i % 2) await server.halt();
    const running = t.load.run(t.p, 1e9, { width: 20, pause_ms: 10, is_over: () => t.p.exit !== null || t.p.child.killed });
    const limit = r.below(100000);
    await until(() => t.load.seen >= limit, 'the load to be under way', 20000);
    await t.p.kill();
    await running;
    if (i % 2) await server.resume();
    t.p = await t.start();
    await reconcile_all(t, { may_be_killed: true, only_these: true });
  }
  await reconcile({ proxy: t.p, up, lines: t.load.lines, may_be_killed: true });
}));
