/*
 * failover.test.mjs: PostgreSQL's server is gone for good, and its standby takes over: found by a
 * second host in the address, or at the address that the first one had. The proxy relays all the
 * while, catches up, and nothing is missing or there twice; what the standby had not received is taken
 * from the journal again, as far as it is there, and what is not is counted.
 */
import { after, before, test } from 'node:test';
import assert from 'node:assert/strict';
import fs from 'node:fs/promises';
import net from 'node:net';
import path from 'node:path';
import { Conn } from '../lib/client.mjs';
import { CALM_KINDS, Load } from '../lib/load.mjs';
import { Postgres, sql, why_no_postgres } from '../lib/postgres.mjs';
import { Proxy, temp_dir } from '../lib/proxy.mjs';
import { assert_clients_served, assert_no_losses, assert_verified, losses, reconcile } from '../lib/reconcile.mjs';
import { Upstream } from '../lib/upstream.mjs';
import { random, until } from '../lib/wait.mjs';

const COUNT = process.env.TEST_LENGTH === 'long' ? 400 : 60;
const SEED = Number(process.env.SEED ?? 20261128);
const CAUGHT_UP_MS = 60000;
const skip = why_no_postgres();

let up;
before(async () => {
  up = await Upstream.start();
  up.is_raw_kept = false;
});
after(async () => {
  Conn.destroy_all();
  await up.stop();
});

/* A primary and its standby, a proxy on the address that `url_of` makes of both, and its load. */
async function with_standby(url_of, work) {
  const dir = await temp_dir('failover');
  const t = { load: new Load(up, random(SEED), CALM_KINDS), servers: [await Postgres.start()] };
  [t.primary] = t.servers;
  try {
    t.standby = await Postgres.start({ follows: t.primary });
    t.servers.push(t.standby);
    t.count = async () => Number(await sql(t.standby.url, 'SELECT count(*) FROM requests'));
    t.p = await Proxy.start({ upstream: up, dir, env: { DB_TYPE: 'postgres', DATABASE_URL: await url_of(t) } });
    await work(t);
    await assert_verified(t.p);
  } finally {
    await t.p?.stop();
    for (const s of t.servers) await s.stop();
    await t.relay?.stop();
    await fs.rm(dir, { recursive: true, force: true });
  }
}

const two_hosts = (t) => `postgresql:///postgres?host=${t.primary.dir},${t.standby.dir}&user=tester&target_session_attrs=read-write`;

/* One address, behind which first the one and then the other server is. */
async function one_address(t) {
  const dir = await temp_dir('address');
  let target = t.primary.socket;
  const conns = new Set();
  const server = net.createServer((client) => {
    const other = net.connect(target);
    for (const s of [client, other]) s.on('error', () => {}).on('close', () => { client.destroy(); other.destroy(); });
    conns.add(client);
    client.pipe(other).pipe(client);
  });
  await new Promise((resolve) => { server.listen(path.join(dir, '.s.PGSQL.5432'), resolve); });
  t.relay = {
    move: () => { target = t.standby.socket; },
    stop: async () => {
      for (const c of conns) c.destroy();
      await new Promise((resolve) => { server.close(resolve); });
      await fs.rm(dir, { recursive: true, force: true });
    },
  };
  return `postgresql:///postgres?host=${dir}&user=tester`;
}

/* The standby has received all that the primary has written. */
async function in_step(t) {
  const at = await sql(t.primary.url, 'SELECT pg_current_wal_lsn()');
  await until(async () => (await sql(t.standby.url, `SELECT pg_last_wal_receive_lsn() >= '${at}'::pg_lsn`)) === 't', 'the standby to be in step');
}

async function taken_over(t) {
  await t.primary.halt();
  const away = t.load.run(t.p, COUNT, { width: 8 });
  await t.standby.promote();
  t.relay?.move();
  assert_clients_served(up, await away);
}

for (const [name, url_of] of [['a second host in the address', two_hosts], ['the address moves', one_address]]) {
  test(`in step with the primary: ${name}`, { skip, timeout: 180000 }, (c) => with_standby(url_of, async (t) => {
    await t.load.run(t.p, COUNT, { width: 8 });
    await reconcile({ proxy: t.p, up, lines: t.load.lines, ms: CAUGHT_UP_MS });
    await in_step(t);
    await taken_over(t);
    const from = performance.now();
    await t.load.run(t.p, COUNT, { width: 8 });
    await reconcile({ proxy: t.p, up, lines: t.load.lines, ms: CAUGHT_UP_MS });
    c.diagnostic(`${t.load.lines.length} requests; caught up after ${Math.round(performance.now() - from)} ms`);
    assert.equal(await t.count(), t.load.lines.length);
    await assert_no_losses(t.p, ['store_commit', 'retention_failed']);
  }));
}

const segments = async (p) => (await fs.readdir(path.join(p.data_dir, 'journal'))).filter((n) => n.endsWith('.seg'));

test('a standby that lags behind: what the journal has comes again, the rest is counted', { skip, timeout: 180000 }, (c) => with_standby(two_hosts, async (t) => {
  await t.load.run(t.p, COUNT, { width: 8 });
  await reconcile({ proxy: t.p, up, lines: t.load.lines, ms: CAUGHT_UP_MS });
  await in_step(t);
  await t.standby.halt();
  /* Only the primary has these, and when their segments are gone, nobody else. */
  await t.load.run(t.p, COUNT, { width: 8 });
  await reconcile({ proxy: t.p, up, lines: t.load.lines, ms: CAUGHT_UP_MS });
  const full = await segments(t.p);
  const kept = [];
  await until(async () => {
    kept.push(...await t.load.run(t.p, 1));
    const now = await segments(t.p);
    return full.every((name) => !now.includes(name));
  }, 'the segments to be used up', 30000);
  await reconcile({ proxy: t.p, up, lines: t.load.lines, ms: CAUGHT_UP_MS });
  const before = t.load.lines.length;
  await t.primary.halt();
  const away = await t.load.run(t.p, COUNT, { width: 8 });
  await t.standby.resume();
  await t.standby.promote();
  assert_clients_served(up, away);
  await t.load.run(t.p, COUNT, { width: 8 });
  await until(async () => (await losses(t.p)).store_set_back > 0, 'the loss to be told', CAUGHT_UP_MS);
  await reconcile({ proxy: t.p, up, lines: t.load.lines.slice(before), ms: CAUGHT_UP_MS });
  const found = await reconcile({ proxy: t.p, up, lines: t.load.lines, may_lose: true, ms: 1000 });
  const counted = await losses(t.p);
  c.diagnostic(`of ${before} requests ${found.missing.length} are missing, ${counted.store_set_back} are told`);
  assert.equal(counted.store_set_back, found.missing.length, 'as many are told as are missing');
  assert.equal(found.partial.length, 0);
  assert.equal(await t.count(), t.load.lines.length - found.missing.length);
  assert.match(t.p.log, /the database has lost what it had taken/);
  await assert_no_losses(t.p, ['store_commit', 'store_set_back', 'retention_failed']);
}));
