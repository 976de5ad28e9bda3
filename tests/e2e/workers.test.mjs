/*
 * workers.test.mjs: several workers are one proxy: no request is lost, doubled or mixed up with
 * another, and all of them drain.
 */
import { after, before, test } from 'node:test';
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { readFileSync, readdirSync } from 'node:fs';
import { Conn, ask } from '../lib/client.mjs';
import { ask_body, headers_for, session_id, text_stream } from '../lib/messages.mjs';
import { Proxy } from '../lib/proxy.mjs';
import { same_bytes } from '../lib/suite.mjs';
import { Upstream } from '../lib/upstream.mjs';
import { Signal, until } from '../lib/wait.mjs';

const WORKERS = 4;
const COUNT = 200;
let up;
before(async () => { up = await Upstream.start(); });
after(async () => {
  Conn.destroy_all();
  await up.stop();
});

const start = (more = {}) => Proxy.start({ upstream: up, config: { server: { workers: WORKERS } }, ...more });

/* Nanoseconds of CPU that each thread has used, where the system tells. */
function thread_times(pid) {
  return readdirSync(`/proc/${pid}/task`).map((id) => Number(readFileSync(`/proc/${pid}/task/${id}/schedstat`, 'latin1').split(' ')[0]));
}

test(`${COUNT} requests at once over ${WORKERS} workers: one row each, equal bytes`, { timeout: 120000 }, async () => {
  const p = await start();
  try {
    const threads = process.platform === 'linux' ? thread_times(p.pid).length : null;
    const gate = new Signal();
    let arrived = 0;
    const all = await Promise.all(Array.from({ length: COUNT }, async (_, i) => {
      const session = session_id();
      const body = i % 3 ? ask_body(`question ${i} `.repeat(1 + i)) : randomBytes(1000 + 97 * i);
      const answer = text_stream(`answer ${i} `.repeat(1 + i));
      up.on(session, async (x) => {
        await x.received();
        arrived += 1;
        gate.fire();
        /* No answer before all are there: they are really at once. */
        await gate.when(() => arrived === COUNT || x.link.is_over, 'all requests', 60000);
        await x.events(answer);
      });
      const got = await ask(p.port, 'POST', '/v1/messages', { headers: headers_for(session), body, ms: 60000 });
      return { session, body, answer: answer.join(''), got };
    }));
    for (const { session, body, answer, got } of all) {
      assert.equal(got.status, 200);
      assert.ok(got.is_clean);
      same_bytes(got.body, answer, 'answer');
      assert.equal(up.seen(session).length, 1);
      same_bytes(up.seen(session)[0].body, body, 'request');
    }
    for (const { session, body, answer } of all) {
      const row = await p.row(session);
      assert.equal(row.state, 'complete');
      same_bytes(await p.body(row.id, 'request'), body, 'recorded request');
      same_bytes(await p.body(row.id, 'response'), answer, 'recorded answer');
    }
    const rows = await p.rows();
    assert.equal(rows.length, COUNT);
    assert.equal(new Set(rows.map((r) => r.id)).size, COUNT);
    if (threads !== null) assert.ok(threads >= WORKERS, `${threads} threads`);
    assert.deepEqual(await p.stop(), { code: 0, signal: null }, p.log.slice(-2000));
  } finally {
    if (p.exit === null) await p.stop();
  }
});

test('SIGTERM drains every worker: running streams finish, each has its row', { timeout: 60000 }, async () => {
  const p = await start({ keep: true });
  const gate = { signal: new Signal(), is_open: false };
  const streams = [];
  for (let i = 0; i < 40; i += 1) {
    const session = session_id();
    const events = text_stream(`held ${i}`);
    up.on(session, async (x) => {
      await x.received();
      await x.head(200, [['Content-Type', 'text/event-stream'], ['Transfer-Encoding', 'chunked']]);
      await x.piece(events[0]);
      await gate.signal.when(() => gate.is_open || x.link.is_over, 'the gate', 30000);
      for (const e of events.slice(1)) await x.piece(e);
      await x.finish();
    });
    const conn = await Conn.open(p.port);
    await conn.request('POST', '/v1/messages', { headers: headers_for(session), body: ask_body() });
    streams.push({ session, conn, events });
  }
  for (const { conn } of streams) {
    await conn.head('POST');
    await conn.body_at_least(1);
  }
  assert.equal((await p.api('/livez')).in_flight, 40);
  p.child.kill('SIGTERM');
  await until(() => Conn.open(p.port).then((c) => { c.destroy(); return false; }, () => true), 'no worker to listen any more');
  gate.is_open = true;
  gate.signal.fire();
  for (const { conn, events } of streams) {
    const answer = await conn.finish();
    assert.ok(answer.is_clean);
    same_bytes(answer.body, events.join(''), 'stream');
    conn.destroy();
  }
  assert.deepEqual(await p.stop(), { code: 0, signal: null }, p.log.slice(-2000));
  const again = await p.restart();
  try {
    for (const { session, events } of streams) {
      const row = await again.row(session);
      assert.equal(row.state, 'complete');
      same_bytes(await again.body(row.id, 'response'), events.join(''), 'recorded stream');
    }
    assert.equal((await again.rows()).length, streams.length);
  } finally {
    again.is_dir_ours = true;
    await again.stop();
  }
});
