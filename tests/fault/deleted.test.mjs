/*
 * deleted.test.mjs: a request that was deleted does not come back when the proxy is killed, though its
 * journal has it still; nor do its words in the search index. All else is there, once.
 * 3 kills under load; TEST_LENGTH=long: 30. SEED repeats a run.
 */
import { after, before, test } from 'node:test';
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import fs from 'node:fs/promises';
import { Conn, ask } from '../lib/client.mjs';
import { CALM_KINDS, Load } from '../lib/load.mjs';
import { ask_body, headers_for, session_id, text_stream } from '../lib/messages.mjs';
import { Postgres, why_no_postgres } from '../lib/postgres.mjs';
import { Proxy, temp_dir } from '../lib/proxy.mjs';
import { assert_no_losses, assert_verified, reconcile } from '../lib/reconcile.mjs';
import { Upstream } from '../lib/upstream.mjs';
import { random, until } from '../lib/wait.mjs';

const ROUNDS = process.env.TEST_LENGTH === 'long' ? 30 : 3;
const SEED = Number(process.env.SEED ?? 20261203);
const EACH = 6;

let up;
let server;
const no_postgres = why_no_postgres();
before(async () => {
  up = await Upstream.start();
  up.is_raw_kept = false;
  if (!no_postgres) server = await Postgres.start();
});
after(async () => {
  Conn.destroy_all();
  await up.stop();
  await server?.stop();
});

/* A proxy on a store of its own; `t.again()` kills it and starts it on the same data. */
async function with_killed(is_shared, work) {
  const db = is_shared ? await server.database() : null;
  const env = db ? { DB_TYPE: 'postgres', DATABASE_URL: db.url } : {};
  const dir = await temp_dir('deleted');
  const t = { p: await Proxy.start({ upstream: up, dir, env }) };
  t.again = async () => {
    await t.p.kill();
    t.p = await Proxy.start({ upstream: up, dir, env });
  };
  try {
    await work(t);
  } finally {
    await t.p.stop();
    await fs.rm(dir, { recursive: true, force: true });
    await db?.drop();
  }
}

async function erase(p, target, confirmation) {
  const url = `/api/requests${target}`;
  for (let sum = 0; ;) {
    const res = await fetch(p.url + url, { method: 'DELETE', headers: confirmation ? { 'X-Confirm-Delete': confirmation } : {} });
    const said = await res.json();
    assert.equal(res.status, 200, JSON.stringify(said));
    sum += said.deleted;
    if (said.done) return sum;
  }
}

/* --- one, some, all --- */

const new_word = () => `w${randomBytes(8).toString('hex')}`;

/* Asked and answered: { session, asked, said }, words that are nowhere else. */
async function send(p, model) {
  const line = { session: session_id(), asked: new_word(), said: new_word() };
  up.on(line.session, async (x) => {
    await x.received();
    await x.events(text_stream(line.said));
  });
  await ask(p.port, 'POST', '/v1/messages', { headers: headers_for(line.session), body: ask_body(line.asked, { model }) });
  return line;
}

async function send_some(p, model) {
  const lines = [];
  for (let i = 0; i < EACH; i += 1) lines.push(await send(p, model));
  return lines;
}

/* A stream that does not end: a kill leaves its row to the next start, which comes to it last. */
async function begin(p) {
  const session = session_id();
  up.on(session, async (x) => {
    await x.received();
    await x.head(200, [['Content-Type', 'text/event-stream'], ['Transfer-Encoding', 'chunked']]);
    await x.piece(text_stream('begun')[0]);
  });
  const conn = await Conn.open(p.port);
  await conn.request('POST', '/v1/messages', { headers: headers_for(session), body: ask_body('begin') });
  await conn.head('POST');
  await conn.body_at_least(1);
  await until(async () => (await p.rows(`session=${session}`)).length, 'it to run');
  return { session, conn };
}

const hits = async (p, word) => (await p.api(`/api/search?q=${word}`)).results.length;

async function indexed(p) {
  await until(async () => {
    const { search, recorder } = await p.api('/api/stats');
    return recorder.lag_bytes === 0 && search.waiting === 0;
  }, 'all to be indexed');
}

async function assert_words(p, lines, count) {
  for (const { asked, said } of lines)
    assert.deepEqual([await hits(p, asked), await hits(p, said)], [count, count], `${asked} ${said}`);
}

const sorted = (rows) => rows.map((r) => r.session_id).sort();

/* Killed twice: the second time with what the first restart left. */
async function assert_kept(t, lines, gone, crashed) {
  for (let i = 0; i < 2; i += 1) {
    await t.again();
    for (const session of crashed)
      assert.equal((await t.p.row(session)).state, 'proxy_crash');
    await indexed(t.p);
    assert.deepEqual(sorted(await t.p.rows()), [...lines.map((l) => l.session), ...crashed].sort());
    await assert_words(t.p, lines, 1);
    await assert_words(t.p, gone, 0);
    await assert_no_losses(t.p, ['journal_torn']);
  }
}

async function one_some_all(t) {
  const kept = await send_some(t.p, 'claude-test-1');
  const matching = await send_some(t.p, 'claude-test-2');
  const [one] = await send_some(t.p, 'claude-test-3').then((lines) => (kept.push(...lines.slice(1)), lines));
  const running = await begin(t.p);
  await until(async () => (await t.p.rows()).filter((r) => r.state === 'complete').length === 3 * EACH, 'all rows');
  await indexed(t.p).catch(() => {}); // one runs: that is no lag
  await assert_words(t.p, [one, ...matching], 1);
  const [row] = await t.p.rows(`session=${one.session}`);
  assert.equal(await erase(t.p, `/${row.id}`), 1);
  assert.equal(await erase(t.p, '?model=claude-test-2', 'matching'), EACH);
  await assert_kept(t, kept, [one, ...matching], [running.session]);
  /* What the restart has ended by itself is deleted too; and another one runs. */
  const second = await begin(t.p);
  assert.equal(await erase(t.p, '', 'all'), kept.length + 1);
  await assert_kept(t, [], [one, ...matching, ...kept], [second.session]);
  await assert_verified(t.p);
}

test('deleted, then killed: one, by filter, all', { timeout: 120000 }, () => with_killed(false, one_some_all));
test('likewise on PostgreSQL', { timeout: 120000, skip: no_postgres }, () => with_killed(true, one_some_all));

/* --- while more is recorded --- */

/* Deletes by chance until the proxy is gone. What was answered is gone for good; of what was not,
 * nobody knows. */
async function erase_some(p, r, found) {
  while (p.exit === null && !p.child.killed) {
    try {
      const rows = (await p.rows()).filter((row) => row.state !== 'running');
      const row = rows[r.below(rows.length)];
      if (!row) continue;
      found.unknown.add(row.session_id);
      if (r.below(2)) await erase(p, `/${row.id}`);
      else await erase(p, `?session=${row.session_id}`, 'matching');
      found.unknown.delete(row.session_id);
      found.gone.add(row.session_id);
    } catch (e) {
      if (p.exit === null && !p.child.killed) throw e;
    }
  }
}

async function under_load(t, c) {
  const r = random(SEED);
  const load = new Load(up, r, { ...CALM_KINDS, endless: 1 });
  const found = { gone: new Set(), unknown: new Set() };
  c.diagnostic(`SEED=${SEED}`);
  for (let round = 0; round < ROUNDS; round += 1) {
    const first = load.lines.length;
    const limit = 20000 + r.below(250000);
    const gone_before = found.gone.size;
    const is_over = () => t.p.exit !== null || t.p.child.killed;
    const running = load.run(t.p, 100000, { width: 12, is_over });
    const erasing = erase_some(t.p, r, found);
    await until(() => load.seen >= limit && found.gone.size > gone_before, 'load, and something deleted', 30000);
    const old = t.p;
    await t.again();
    await running;
    await erasing;
    assert.equal(old.exit.signal, 'SIGKILL');
    const lines = load.lines.slice(first).filter((l) => !found.gone.has(l.session) && !found.unknown.has(l.session));
    await reconcile({ proxy: t.p, up, lines, may_be_killed: true });
    await indexed(t.p);
    const back = (await t.p.rows()).filter((row) => found.gone.has(row.session_id));
    assert.deepEqual(back.map((row) => `${row.id} ${row.state}`), [], 'none is back');
    await assert_no_losses(t.p, ['journal_torn']);
    load.forget(load.lines.slice(first));
  }
  const lines = load.lines.filter((l) => !found.gone.has(l.session) && !found.unknown.has(l.session));
  await reconcile({ proxy: t.p, up, lines, may_be_killed: true });
  c.diagnostic(`${load.lines.length} requests, ${found.gone.size} deleted, ${found.unknown.size} perhaps`);
  await assert_verified(t.p);
}

test(`deleted under load, killed ${ROUNDS} times`, { timeout: 60000 + ROUNDS * 30000 }, (c) => with_killed(false, (t) => under_load(t, c)));
test(`likewise on PostgreSQL, ${ROUNDS} times`, { timeout: 60000 + ROUNDS * 30000, skip: no_postgres }, (c) => with_killed(true, (t) => under_load(t, c)));
