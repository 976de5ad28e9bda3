/*
 * postgres.test.mjs: the same proxy with its records in PostgreSQL: what it promises when the
 * database is not there, goes away, hangs, or loses the connection at the worst moment; and several
 * proxies on one database.
 */
import { after, before, test } from 'node:test';
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import fs from 'node:fs/promises';
import path from 'node:path';
import { Conn, ask } from '../lib/client.mjs';
import { ask_body, headers_for, session_id, text_stream } from '../lib/messages.mjs';
import { Cutter, Postgres, make_database, sql, why_no_postgres } from '../lib/postgres.mjs';
import { BINARY, Proxy, temp_dir } from '../lib/proxy.mjs';
import { same_bytes } from '../lib/suite.mjs';
import { Upstream } from '../lib/upstream.mjs';
import { until } from '../lib/wait.mjs';

const LONG_MS = 60000; // for what has to wait until a server is given up
const skip = why_no_postgres();
const given = process.env.TEST_POSTGRES_DSN;

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

/* Proxies on a new database; stopped, and the database dropped, whatever happens. */
async function with_database(work, { mine = false } = {}) {
  const db = await make_database(given && !mine ? given : server.url);
  const proxies = [];
  const start = async (options = {}) => {
    const p = await Proxy.start({ upstream: up, ...options, env: { DB_TYPE: 'postgres', DATABASE_URL: db.url, ...options.env } });
    proxies.push(p);
    return p;
  };
  try {
    await work({ db, start, query: (text) => sql(db.url, text) });
    for (const p of proxies) assert.deepEqual(await p.stop(), { code: 0, signal: null }, p.log.slice(-3000));
  } finally {
    for (const p of proxies) if (p.exit === null) p.child.kill('SIGKILL');
    await db.drop();
  }
}

/* One exchange through `p`; what was sent and received. */
async function exchange(p, text = 'hello') {
  const session = session_id();
  const body = ask_body(text);
  up.on(session, (x) => x.events(text_stream(`an answer to ${text}`)));
  const got = await ask(p.port, 'POST', '/v1/messages', { headers: headers_for(session), body });
  assert.equal(got.status, 200);
  return { session, body, got };
}

async function check_bodies(p, { session, body, got }) {
  const row = await p.row(session, LONG_MS);
  assert.equal(row.state, 'complete');
  same_bytes(await p.body(row.id, 'request'), Buffer.from(body), 'request');
  same_bytes(await p.body(row.id, 'response'), got.body, 'response');
  return row;
}

/* Each is there once, with its bodies, and what is summed up says the same as what is counted. */
async function check_all(p, query, exchanges) {
  for (const x of exchanges) await check_bodies(p, x);
  assert.equal(Number(await query('SELECT count(*) FROM requests')), exchanges.length);
  assert.equal(Number(await query('SELECT requests FROM totals')), exchanges.length);
  assert.equal((await p.api('/api/stats')).total.request_count, exchanges.length);
  assert.equal(await query('SELECT blocks FROM totals'), await query('SELECT count(*) FROM blocks'));
  assert.equal(await query('SELECT pieces FROM totals'), await query('SELECT count(*) FROM pieces'));
}

test('relays, records and shows', { skip }, () => with_database(async ({ start, query }) => {
  const p = await start();
  const done = [];
  for (let i = 0; i < 20; i += 1) done.push(await exchange(p, `question ${i}`));
  await check_all(p, query, done);
  const row = await p.row(done[0].session);
  assert.match(row.node, /.-[0-9a-f]{4}$/);
  assert.equal((await p.message(row.id)).message.content[0].text, 'an answer to question 0');
  assert.equal((await p.api('/api/sessions')).sessions.length, 20);
  const hits = await until(async () => {
    const found = (await p.api('/api/search?q=%22answer%20to%20question%207%22')).results;
    return found.length && found;
  }, 'the text to be found');
  assert.equal(hits[0].request_id, (await p.row(done[7].session)).id);
  const months = await query("SELECT count(*) FROM pg_inherits WHERE inhparent = 'requests'::regclass");
  assert.ok(Number(months) >= 2, 'this month has a partition');
}));

test('goes on without the database, and catches up', { skip, timeout: 180000 }, () => with_database(async ({ start, query }) => {
  await server.halt();
  const done = [];
  const dir = await temp_dir();
  try {
    const p = await start({ dir });
    assert.match(p.log, /going on without the database/);
    for (let i = 0; i < 10; i += 1) done.push(await exchange(p, `early ${i}`));
    const refused = await p.get('/api/requests');
    assert.equal(refused.status, 503);
    assert.match(refused.body.toString(), /cannot be reached/);
    assert.equal((await p.get('/health')).status, 200);
    await server.resume();
    await check_all(p, query, done);
    await server.halt(); /* and again, while it runs */
    for (let i = 0; i < 10; i += 1) done.push(await exchange(p, `away ${i}`));
    await server.resume();
    await check_all(p, query, done);
    await server.halt(); /* what is not stored when it ends is stored by the next one */
    done.push(await exchange(p, 'last'));
    assert.deepEqual(await p.stop(), { code: 0, signal: null });
    await server.resume();
    const next = await start({ dir });
    await check_all(next, query, done);
  } finally {
    await server.resume().catch(() => {});
    await fs.rm(dir, { recursive: true, force: true });
  }
}, { mine: true }));

test('a database that hangs does not hold up a request', { skip, timeout: 180000 }, () => with_database(async ({ start, query }) => {
  const p = await start();
  const done = [await exchange(p, 'before')];
  await p.row(done[0].session);
  server.freeze();
  try {
    for (let i = 0; i < 20; i += 1) done.push(await exchange(p, `meanwhile ${i}`));
    assert.equal((await p.get('/health')).status, 200);
  } finally {
    server.thaw();
  }
  await check_all(p, query, done);
}, { mine: true }));

test('cut off after each second COMMIT: none is lost, none is there twice', { skip, timeout: 180000 }, () => with_database(async ({ db, start, query }) => {
  let is_cutting = false;
  const cutter = await Cutter.start(server.socket, (n) => is_cutting && n % 2 === 0);
  try {
    const p = await start({ env: { DATABASE_URL: cutter.url(db.url) } });
    const done = [await exchange(p, 'first')];
    await p.row(done[0].session);
    is_cutting = true;
    for (let i = 0; i < 12; i += 1) {
      done.push(await exchange(p, `cut ${i}`));
      await p.row(done.at(-1).session, LONG_MS);
    }
    assert.ok(cutter.cut >= 3, `${cutter.cut} connections were cut`);
    is_cutting = false;
    await check_all(p, query, done);
    assert.deepEqual(await p.stop(), { code: 0, signal: null });
  } finally {
    await cutter.stop();
  }
}, { mine: true }));

test('two proxies on one database', { skip, timeout: 120000 }, () => with_database(async ({ start, query }) => {
  const a = await start({ config: { storage: { node: 'alpha' } } });
  const b = await start({ config: { storage: { node: 'beta' } } });
  const conn = await Conn.open(b.port);
  await conn.request('GET', '/api/stream');
  const stream = await conn.head();
  const done = [];
  for (let i = 0; i < 10; i += 1) done.push(await exchange(i % 2 ? b : a, `turn ${i}`));
  for (const p of [a, b]) await check_all(p, query, done);
  for (const [i, x] of done.entries()) assert.equal((await a.row(x.session)).node, i % 2 ? 'beta' : 'alpha');
  const told = await until(() => {
    const ended = stream.reader.body.toString().split('\n\n').filter((e) => e.includes('event: request.ended'));
    return done.every((x) => ended.some((e) => e.includes(x.session))) && ended;
  }, 'events of both proxies');
  assert.equal(told.filter((e) => e.includes(done[0].session)).length, 1, 'told once');
  await until(async () => (await b.api('/api/search?q=%22answer%20to%20turn%204%22')).results.length, 'what the other one recorded');
  const resyncs = () => stream.reader.body.toString().match(/event: resync/g)?.length ?? 0;
  const before = resyncs();
  assert.ok(before <= 1, 'at most when it began to listen to the other one');
  const gone = await a.row(done[4].session);
  assert.equal((await fetch(`${a.url}/api/requests/${gone.id}`, { method: 'DELETE' })).status, 200);
  await until(() => resyncs() > before, 'what the other one deleted to leave the lists');
  conn.destroy();
}));

/* The command, its exit code and all that it wrote. */
function command(args, env) {
  return new Promise((resolve) => {
    execFile(BINARY, args, { env: { PATH: process.env.PATH, ...env }, timeout: 15000 }, (e, out, err) => {
      resolve({ code: e ? e.code : 0, text: out + err });
    });
  });
}

test('a schema newer than the program: refused, untouched', { skip }, () => with_database(async ({ db, start, query }) => {
  const p = await start();
  await p.stop();
  await query('INSERT INTO schema_steps (step) VALUES (9999)');
  const dir = await temp_dir();
  const got = await command(['serve', '--port', '0', '--data-dir', path.join(dir, 'data')], { HOME: dir, DB_TYPE: 'postgres', DATABASE_URL: db.url });
  assert.equal(got.code, 78, got.text);
  assert.match(got.text, /newer version of this program \(schema 9999/);
}));

test('a bad address is told before the start, and no password is', { skip }, async () => {
  const dir = await temp_dir();
  const bad = [
    'postgres://someone:hunter2@host/x?colour=blue', 'postgres://someone:hunter2@[host/x',
    'postgres://someone:hunter2%zz@host/x', 'host=here password=hunt hunter2', '',
  ];
  for (const url of bad) {
    const env = { HOME: dir, DB_TYPE: 'postgres', DATABASE_URL: url };
    for (const args of [['config', 'check'], ['serve', '--port', '0', '--data-dir', path.join(dir, 'data')]]) {
      const got = await command(args, env);
      assert.equal(got.code, 78, `${url}: ${got.text}`);
      assert.doesNotMatch(got.text, /hunter2/);
      assert.match(got.text, /database/, url);
    }
  }
  const shown = await command(['config', 'show'], { HOME: dir, DB_TYPE: 'postgres', DATABASE_URL: 'postgres://someone:hunter2@host:5433/x' });
  assert.equal(shown.code, 0);
  assert.doesNotMatch(shown.text, /hunter2/);
  const p = await Proxy.start({ upstream: up, args: ['--log-level', 'debug'],
    env: { DB_TYPE: 'postgres', DATABASE_URL: 'postgres://someone:hunter2@127.0.0.1:1/x' } });
  assert.match(p.log, /going on without the database/);
  for (const target of ['/api/requests', '/api/stats', '/health']) await p.get(target);
  for (const [name, bytes] of await p.remains()) assert.ok(!bytes.includes('hunter2'), name);
  await p.stop();
});
