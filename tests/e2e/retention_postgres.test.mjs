/*
 * retention_postgres.test.mjs: requests are deleted from a PostgreSQL that two proxies share, and what
 * is left comes back.
 */
import { after, before, test } from 'node:test';
import assert from 'node:assert/strict';
import { run_command } from '../lib/cli.mjs';
import { Conn, ask } from '../lib/client.mjs';
import { ask_body, headers_for, session_id, text_stream } from '../lib/messages.mjs';
import { Postgres, make_database, sql, why_no_postgres } from '../lib/postgres.mjs';
import { Proxy } from '../lib/proxy.mjs';
import { same_bytes } from '../lib/suite.mjs';
import { Upstream } from '../lib/upstream.mjs';
import { until } from '../lib/wait.mjs';

const skip = why_no_postgres();
let up;
let server;
before(async () => {
  up = await Upstream.start();
  if (!skip) server = await Postgres.start();
});
after(async () => {
  Conn.destroy_all();
  await up.stop();
  await server?.stop();
});

async function exchange(p, text) {
  const session = session_id();
  const body = ask_body(text);
  up.on(session, (x) => x.events(text_stream('an answer')));
  const got = await ask(p.port, 'POST', '/v1/messages', { headers: headers_for(session), body });
  assert.equal(got.status, 200);
  return { session, body, row: await p.row(session) };
}

async function remove(p, target, confirmation) {
  const res = await fetch(p.url + target, { method: 'DELETE', headers: confirmation ? { 'X-Confirm-Delete': confirmation } : {} });
  return { status: res.status, body: await res.json() };
}

test('requests leave a shared database for all of its proxies', { skip, timeout: 120000 }, async () => {
  const db = await make_database(process.env.TEST_POSTGRES_DSN ?? server.url);
  const env = { DB_TYPE: 'postgres', DATABASE_URL: db.url };
  const one = await Proxy.start({ upstream: up, env });
  let two;
  try {
    two = await Proxy.start({ upstream: up, env });
    const kept = await exchange(one, 'this one is kept');
    const gone = await exchange(two, 'this one is not');
    await exchange(two, 'neither is this one');
    assert.deepEqual(await remove(one, `/api/requests/${gone.row.id}`), { status: 200, body: { deleted: 1, done: true } });
    await until(async () => (await two.rows()).length === 2, 'the other proxy to have one less');
    assert.equal((await remove(one, '/api/requests')).status, 400);
    const rest = `/api/requests?start=${new Date(Date.parse(kept.row.started_at) + 1).toISOString()}`;
    assert.deepEqual((await remove(two, rest, 'matching')).body, { deleted: 1, done: true });
    assert.deepEqual((await one.rows()).map((r) => r.id), [kept.row.id]);
    same_bytes(await two.body(kept.row.id, 'request'), kept.body, 'the other body');
    const storage = await one.api('/api/storage');
    assert.equal(storage.engine, 'postgres');
    assert.equal(storage.requests, 1);
    assert.ok(storage.wiping_chains > 0, 'with another proxy there, nothing is wiped');
    assert.equal((await one.api('/api/stats')).total.request_count, 1);
    const verified = await run_command(['store', 'verify', '--data-dir', one.data_dir], { env });
    assert.equal(verified.code, 0, verified.err);
    assert.match(String(verified.out), /^1 requests, 2 bodies rebuilt/m);
    assert.deepEqual((await remove(two, '/api/requests', 'all')).body, { deleted: 1, done: true });
    assert.equal(await sql(db.url, 'SELECT count(*) FROM requests'), '0');
    assert.deepEqual((await one.api('/api/sessions')).sessions, []);
    const later = await exchange(one, 'recording goes on');
    same_bytes(await two.body(later.row.id, 'request'), later.body, 'what was recorded afterwards');
  } finally {
    await one.stop();
    await two?.stop();
    await db.drop();
  }
});

test('a proxy that is alone wipes out what was deleted', { skip, timeout: 120000 }, async () => {
  const db = await make_database(process.env.TEST_POSTGRES_DSN ?? server.url);
  const p = await Proxy.start({ upstream: up, env: { DB_TYPE: 'postgres', DATABASE_URL: db.url } });
  try {
    const kept = await exchange(p, 'this one is kept');
    for (let i = 0; i < 3; i += 1) await exchange(p, `this one is not, number ${i}`);
    const rest = `/api/requests?start=${new Date(Date.parse(kept.row.started_at) + 1).toISOString()}`;
    assert.deepEqual((await remove(p, rest, 'matching')).body, { deleted: 3, done: true });
    await until(async () => (await p.api('/api/storage')).wiping_chains === 0, 'what was deleted to be wiped');
    same_bytes(await p.body(kept.row.id, 'request'), kept.body, 'the other body');
    await remove(p, '/api/requests', 'all');
    /* the newest one's number stays, for numbers only grow; there is nothing in it */
    await until(async () => (await p.api('/api/storage')).stored_bytes === 0, 'all blocks to go');
    assert.equal(await sql(db.url, "SELECT count(*) <= 1 AND coalesce(sum(length(data)), 0) = 0 FROM blocks"), 't');
    const later = await exchange(p, 'recording goes on');
    same_bytes(await p.body(later.row.id, 'request'), later.body, 'what was recorded afterwards');
  } finally {
    await p.stop();
    await db.drop();
  }
});
