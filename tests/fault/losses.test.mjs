/*
 * losses.test.mjs: every way to lose something is forced by a test: here those that no other fault
 * brings about, and a table that says where the rest is. A reason that is new has to be entered.
 */
import { after, before, test } from 'node:test';
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import fs from 'node:fs/promises';
import path from 'node:path';
import { Conn } from '../lib/client.mjs';
import { CALM_KINDS, Load } from '../lib/load.mjs';
import { Proxy, temp_dir } from '../lib/proxy.mjs';
import { losses, reconcile } from '../lib/reconcile.mjs';
import { Shim, shim_missing } from '../lib/shim.mjs';
import { Upstream } from '../lib/upstream.mjs';
import { random, until } from '../lib/wait.mjs';

const TESTS = new URL('../', import.meta.url);
const FORCED_BY = {
  journal_write: 'fault/disk.test.mjs',
  journal_begin: 'fault/disk.test.mjs',
  journal_sync: 'fault/sync.test.mjs',
  journal_unreadable: 'fault/losses.test.mjs',
  journal_damage: 'fault/journal.test.mjs',
  journal_torn: 'fault/journal.test.mjs',
  journal_orphan: 'fault/journal.test.mjs',
  body_truncated: 'fault/disk.test.mjs',
  refusal_unrecorded: 'fault/losses.test.mjs',
  store_refused: 'unit/index/test_indexer.c', // poison_is_set_apart
  store_commit: 'fault/locked.test.mjs',
  store_set_back: 'fault/failover.test.mjs',
  store_set_aside: 'fault/database.test.mjs',
  store_damage: 'fault/losses.test.mjs',
  not_recorded: 'e2e/failure.test.mjs',
  search_skipped: 'fault/losses.test.mjs',
  transcript_skipped: 'unit/transcript/test_transcript_reader.c',
  retention_failed: 'unit/store/test_retention.c', // a_run_that_fails_is_counted_and_made_again
};

let up;
before(async () => { up = await Upstream.start(); });
after(async () => {
  Conn.destroy_all();
  await up.stop();
});

async function with_data(work) {
  const dir = await temp_dir('losses');
  try {
    await work({ upstream: up, dir });
  } finally {
    await fs.rm(dir, { recursive: true, force: true });
  }
}

const load = () => new Load(up, random(7), CALM_KINDS);

test('each reason has its test', () => with_data(async (options) => {
  const p = await Proxy.start(options);
  try {
    const { losses: all } = await p.api('/api/stats');
    assert.deepEqual(all.map((l) => l.reason).sort(), Object.keys(FORCED_BY).sort());
    for (const { reason, effect, unit, text, since_start } of all) {
      const source = readFileSync(new URL(FORCED_BY[reason], TESTS), 'utf8');
      const forces = source.replaceAll(/assert_no_losses\([^)]*\)/g, ''); /* what it lets pass, it does not force */
      assert.ok(forces.includes(reason) || FORCED_BY[reason].startsWith('unit/'), reason);
      assert.ok(['lost', 'damaged', 'late', 'refused'].includes(effect) && unit && text, reason);
      assert.equal(since_start, 0, reason);
    }
  } finally {
    await p.stop();
  }
}));

test('refusal_unrecorded: of many requests that make no sense, some are recorded and the rest counted', () => with_data(async (options) => {
  const p = await Proxy.start({ ...options, config: { server: { workers: 1 } } });
  const COUNT = 60;
  try {
    for (let i = 0; i < COUNT; i += 1) {
      const conn = await Conn.open(p.port);
      await conn.write('POST /v1/messages HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n');
      await conn.closed();
    }
    const count = (await losses(p)).refusal_unrecorded;
    assert.ok(count > 0);
    await until(async () => (await p.rows()).length + count === COUNT, 'what is recorded and what is counted to be all');
  } finally {
    await p.stop();
  }
}));

test('journal_unreadable: a segment that cannot be read is kept, and the rest goes on', { skip: shim_missing() }, () => with_data(async (options) => {
  const { DatabaseSync } = await import('node:sqlite');
  const shim = new Shim(options.dir);
  let p = await Proxy.start(options);
  try {
    const other = new DatabaseSync(path.join(p.data_dir, 'requests.db'));
    other.exec('PRAGMA busy_timeout = 10000; BEGIN EXCLUSIVE');
    await load().run(p, 10);
    await p.kill();
    other.close();
    shim.fail('read', '.seg', { from: 2, count: 1000 }); // the first read is of its head
    p = await Proxy.start({ ...options, env: shim.env });
    await until(async () => (await losses(p)).journal_unreadable > 0, 'it to be counted');
    shim.stop_failing();
    const then = load();
    await then.run(p, 10);
    await reconcile({ proxy: p, up, lines: then.lines });
    assert.ok((await fs.readdir(path.join(p.data_dir, 'journal'))).some((f) => f.endsWith('.damaged')), 'it is kept');
  } finally {
    shim.close();
    await p.stop();
  }
}));

test('search_skipped: a body that is damaged is told when it is asked for, and not found', () => with_data(async (options) => {
  const { DatabaseSync } = await import('node:sqlite');
  const without = { ...options, config: { storage: { search: false } } };
  let p = await Proxy.start(without);
  const asked = load();
  await asked.run(p, 5);
  await reconcile({ proxy: p, up, lines: asked.lines });
  await p.stop();
  const other = new DatabaseSync(path.join(p.data_dir, 'requests.db'));
  other.exec('UPDATE blocks SET data = zeroblob(length(data))');
  other.close();
  p = await Proxy.start(options);
  try {
    await until(async () => (await losses(p)).search_skipped > 0, 'it to be counted');
    const [row] = await p.rows();
    const { status, body } = await p.get(`/api/requests/${row.id}/request/body`);
    assert.deepEqual([status, JSON.parse(body).error.code], [500, 'corrupt']);
    assert.equal((await losses(p)).store_damage, 1);
    const then = load();
    await then.run(p, 5);
    await reconcile({ proxy: p, up, lines: then.lines });
  } finally {
    await p.stop();
  }
}));
