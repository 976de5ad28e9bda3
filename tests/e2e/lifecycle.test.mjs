/*
 * lifecycle.test.mjs: stopping, starting again on the same data, one owner of a data directory.
 */
import { after, before, test } from 'node:test';
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs/promises';
import path from 'node:path';
import { Conn, ask } from '../lib/client.mjs';
import { ask_body, headers_for, session_id, text_stream } from '../lib/messages.mjs';
import { Proxy, temp_dir } from '../lib/proxy.mjs';
import { only_a_file } from '../lib/storing.mjs';
import { same_bytes } from '../lib/suite.mjs';
import { Upstream } from '../lib/upstream.mjs';
import { Signal, until } from '../lib/wait.mjs';

let up;
before(async () => { up = await Upstream.start(); });
after(async () => {
  Conn.destroy_all();
  await up.stop();
});

/* A proxy on a directory that outlives it. */
async function in_dir(work, options = {}) {
  const dir = await temp_dir();
  try {
    return await work((more = {}) => Proxy.start({ upstream: up, dir, ...options, ...more }));
  } finally {
    await fs.rm(dir, { recursive: true, force: true });
  }
}

const post = (p, session, body = ask_body()) => ask(p.port, 'POST', '/v1/messages', { headers: headers_for(session), body });

/* A stream of one event that goes on when `go` is fired with is_open. */
function held_stream(session) {
  const gate = { signal: new Signal(), is_open: false };
  const events = text_stream('held');
  up.on(session, async (x) => {
    await x.received();
    await x.head(200, [['Content-Type', 'text/event-stream'], ['Transfer-Encoding', 'chunked']]);
    await x.piece(events[0]);
    await gate.signal.when(() => gate.is_open || x.link.is_over, 'the gate', 30000);
    for (const e of events.slice(1)) await x.piece(e);
    await x.finish();
  });
  gate.open = () => { gate.is_open = true; gate.signal.fire(); };
  return gate;
}

async function open_stream(p, session) {
  const conn = await Conn.open(p.port);
  await conn.request('POST', '/v1/messages', { headers: headers_for(session), body: ask_body() });
  await conn.head('POST');
  await conn.body_at_least(1);
  return conn;
}

test('rows and bodies are there after a restart', () => in_dir(async (start) => {
  const first = await start();
  const sessions = [];
  for (let i = 0; i < 10; i += 1) {
    const session = session_id();
    up.on(session, (x) => x.events(text_stream(`answer ${i}`)));
    await post(first, session, ask_body(`question ${i}`));
    sessions.push(session);
  }
  const before_rows = [];
  for (const s of sessions) before_rows.push(await first.row(s));
  assert.deepEqual(await first.stop(), { code: 0, signal: null });
  const second = await start();
  for (const [i, s] of sessions.entries()) {
    const row = await second.row(s);
    assert.deepEqual(row, before_rows[i]);
    same_bytes(await second.body(row.id, 'request'), ask_body(`question ${i}`), 'request');
    same_bytes(await second.body(row.id, 'response'), up.seen(s)[0].sent_body, 'response');
    assert.equal((await second.message(row.id)).message.content[0].text, `answer ${i}`);
  }
  assert.equal((await second.rows()).length, 10);
  await second.stop();
}));

test('a request that ended just before SIGTERM is not lost', () => in_dir(async (start) => {
  const first = await start();
  const sessions = [];
  for (let i = 0; i < 20; i += 1) {
    const session = session_id();
    up.on(session, (x) => x.events(text_stream(`${i}`)));
    sessions.push(session);
  }
  await Promise.all(sessions.map((s) => post(first, s)));
  await first.stop();
  const second = await start();
  for (const s of sessions) assert.equal((await second.row(s)).state, 'complete');
  assert.equal((await second.rows()).length, 20);
  await second.stop();
}));

test('SIGTERM: running streams finish, new requests are refused, exit is 0', { timeout: 60000 }, () => in_dir(async (start) => {
  const p = await start();
  const session = session_id();
  const gate = held_stream(session);
  const conn = await open_stream(p, session);
  p.child.kill('SIGTERM');
  const late = session_id();
  await until(async () => {
    try {
      return (await post(p, late)).status === 503;
    } catch {
      return true; // refused: no longer listening
    }
  }, 'new requests to be refused');
  const count = up.seen(late).length;
  gate.open();
  const answer = await conn.finish();
  assert.ok(answer.is_clean, 'the running stream was finished');
  assert.match(answer.text, /message_stop/);
  conn.destroy();
  assert.deepEqual(await p.stop(), { code: 0, signal: null });
  assert.ok(count <= 1);
  const second = await start();
  assert.equal((await second.row(session)).state, 'complete');
  await second.stop();
}));

/* Runs `work` with a proxy that cannot put away what it recorded: its loops have ended, and somebody has the
 * database to himself. */
const locked_at_end = (work) => in_dir(async (start) => {
  const p = await start();
  await ask(p.port, 'GET', '/v1/before'); // the database is there
  await p.row_by_path('/v1/before');
  const lock = spawn('python3', ['-c', `import sqlite3, sys
c = sqlite3.connect(sys.argv[1], isolation_level=None)
c.execute("BEGIN EXCLUSIVE")
print("locked", flush=True)
sys.stdin.read()`, path.join(p.data_dir, 'requests.db')], { stdio: ['pipe', 'pipe', 'inherit'] });
  const unlock = async () => {
    lock.stdin.end();
    await once(lock, 'close');
  };
  try {
    await once(lock.stdout, 'data');
    await ask(p.port, 'GET', '/v1/locked-out');
    p.child.kill('SIGTERM');
    await until(() => p.log.includes('stopped'), 'the loops to have ended');
    await work(p, unlock);
  } finally {
    if (lock.exitCode === null) await unlock();
  }
  const again = await start();
  assert.equal((await again.row_by_path('/v1/locked-out')).state, 'complete');
  await again.stop();
});

const stored_rows = (p) => Number(execFileSync('python3', ['-c', `import sqlite3, sys
print(sqlite3.connect(sys.argv[1]).execute("SELECT count(*) FROM requests").fetchone()[0])`, path.join(p.data_dir, 'requests.db')]));

test('a second SIGTERM, however early: what was recorded is in the store before the end', { skip: only_a_file, timeout: 60000 }, () => locked_at_end(async (p, unlock) => {
  p.child.kill('SIGTERM');
  await unlock();
  await until(() => p.exit !== null, 'the end');
  assert.deepEqual(await p.exited, { code: 0, signal: null }, p.log);
  assert.equal(stored_rows(p), 2);
}));

test('a third SIGTERM while a locked database holds up the end: exits at once, as in order; nothing is lost', { skip: only_a_file, timeout: 60000 }, () => locked_at_end(async (p) => {
  const from = performance.now();
  p.child.kill('SIGTERM');
  const timer = setInterval(() => p.child.kill('SIGTERM'), 50); // two that come together may be one
  assert.deepEqual(await p.exited, { code: 0, signal: null }, p.log);
  clearInterval(timer);
  assert.ok(performance.now() - from < 5000, 'before the tries end that two would wait for');
}));

test('a second SIGTERM ends at once; cut streams are proxy_shutdown', { timeout: 60000 }, () => in_dir(async (start) => {
  const p = await start();
  const session = session_id();
  held_stream(session);
  const conn = await open_stream(p, session);
  p.child.kill('SIGTERM');
  await until(async () => {
    try {
      return JSON.parse((await p.get('/livez')).body).draining;
    } catch {
      return true;
    }
  }, 'draining');
  const from = performance.now();
  p.child.kill('SIGTERM');
  await p.stop();
  assert.ok(performance.now() - from < 5000);
  assert.equal((await conn.finish()).is_clean, false, 'a cut stream looks cut');
  conn.destroy();
  const second = await start();
  const row = await second.row(session);
  assert.equal(row.state, 'proxy_shutdown');
  await second.stop();
}));

test('a data directory has one owner', () => in_dir(async (start) => {
  const p = await start();
  await assert.rejects(start(), /exited at start/);
  assert.equal((await p.get('/health')).status, 200, 'the owner goes on');
  await p.stop();
}));

test('files are for the owner only', () => in_dir(async (start) => {
  const p = await start();
  const session = session_id();
  await post(p, session);
  await p.row(session);
  const walk = async (dir) => {
    assert.equal((await fs.stat(dir)).mode & 0o077, 0, dir);
    for (const entry of await fs.readdir(dir, { withFileTypes: true })) {
      const file = path.join(dir, entry.name);
      if (entry.isDirectory()) await walk(file);
      else assert.equal((await fs.stat(file)).mode & 0o077, 0, file);
    }
  };
  await walk(p.data_dir);
  await p.stop();
}));

test('a port that is taken: a clear end, not 0', () => in_dir(async (start) => {
  const { port } = up;
  await assert.rejects(start({ args: ['--port', String(port)] }), /exited at start/);
}));

test('start without the provider being there', () => in_dir(async (start) => {
  const p = await start({ upstream: 'http://127.0.0.1:1' });
  assert.equal((await p.get('/health')).status, 200);
  const session = session_id();
  const got = await post(p, session);
  assert.equal(got.status, 502);
  const row = await p.row(session);
  assert.equal(got.header('request-id'), row.id);
  assert.equal(row.upstream_request_id, null, 'no provider gave that id');
  await p.stop();
}));

test('recording off: relayed, not recorded', () => in_dir(async (start) => {
  const p = await start();
  const session = session_id();
  up.on(session, (x) => x.events(text_stream('unseen')));
  const got = await post(p, session);
  assert.ok(got.is_clean);
  const marker = session_id();
  await post(p, marker);
  assert.equal((await p.rows()).length, 0);
  for (const [name, data] of await p.remains()) assert.equal(data.includes('unseen'), false, name);
  await p.stop();
}, { config: { storage: { record: false } } }));
