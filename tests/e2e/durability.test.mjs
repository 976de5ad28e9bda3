/*
 * durability.test.mjs: storage.durability changes when bytes reach the disk and nothing else.
 */
import { after, before, test } from 'node:test';
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import fs from 'node:fs/promises';
import path from 'node:path';
import { Conn, ask } from '../lib/client.mjs';
import { ask_body, headers_for, session_id, text_stream } from '../lib/messages.mjs';
import { Proxy, temp_dir } from '../lib/proxy.mjs';
import { same_bytes } from '../lib/suite.mjs';
import { Upstream } from '../lib/upstream.mjs';
import { Signal, settled, until } from '../lib/wait.mjs';

let up;
before(async () => { up = await Upstream.start(); });
after(async () => {
  Conn.destroy_all();
  await up.stop();
});

const config = (durability, workers = 1) => ({ server: { workers }, storage: { durability } });
const post = (p, session, body) => ask(p.port, 'POST', '/v1/messages', { headers: headers_for(session), body });

/* A stream of which each event is sent when the client has the one before. */
async function in_step(p, session, events, each = async () => {}) {
  const client = { signal: new Signal(), size: 0 };
  up.on(session, async (x) => {
    await x.received();
    await x.head(200, [['Content-Type', 'text/event-stream'], ['Transfer-Encoding', 'chunked']]);
    let total = 0;
    for (const e of events) {
      await x.piece(e);
      total += Buffer.byteLength(e);
      await client.signal.when(() => client.size >= total || x.link.is_over, `${total} bytes at the client`);
    }
    await x.finish();
  });
  const conn = await Conn.open(p.port);
  await conn.request('POST', '/v1/messages', { headers: headers_for(session), body: ask_body() });
  const answer = await conn.head('POST');
  for (const e of events) {
    await conn.body_at_least(client.size + Buffer.byteLength(e));
    await each();
    client.size += Buffer.byteLength(e);
    client.signal.fire();
  }
  await conn.finish();
  conn.destroy();
  return answer;
}

for (const durability of ['process', 'batch', 'sync']) {
  test(`${durability}: requests, big bodies and streams pass unchanged and are recorded`, { timeout: 60000 }, async () => {
    const p = await Proxy.start({ upstream: up, config: config(durability, 2) });
    try {
      const cases = Array.from({ length: 20 }, (_, i) => ({
        session: session_id(), body: randomBytes(i === 0 ? 2000000 : 3000 * i), answer: randomBytes(i === 1 ? 3000000 : 2000 * i + 1),
      }));
      await Promise.all(cases.map(async ({ session, body, answer }, i) => {
        up.on(session, async (x) => {
          await x.received();
          await x.respond(200, [['Content-Type', 'application/octet-stream']], answer, { framing: i % 2 ? 'chunked' : 'length' });
        });
        const got = await post(p, session, body);
        assert.equal(got.status, 200);
        assert.ok(got.is_clean);
        same_bytes(got.body, answer, 'answer');
        same_bytes(up.seen(session)[0].body, body, 'request');
      }));
      const streamed = session_id();
      const events = text_stream('step by step '.repeat(10));
      const answer = await in_step(p, streamed, events);
      assert.ok(answer.is_clean);
      same_bytes(answer.body, events.join(''), 'stream');
      for (const { session, body, answer: want } of [...cases, { session: streamed, body: ask_body(), answer: events.join('') }]) {
        const row = await p.row(session);
        assert.equal(row.state, 'complete');
        same_bytes(await p.body(row.id, 'request'), body, 'recorded request');
        same_bytes(await p.body(row.id, 'response'), want, 'recorded answer');
      }
      assert.equal((await p.rows()).length, cases.length + 1);
      assert.deepEqual(await p.stop(), { code: 0, signal: null }, p.log.slice(-2000));
    } finally {
      if (p.exit === null) await p.stop();
    }
  });

  test(`${durability}: a client and a provider that leave in mid-stream`, async () => {
    const p = await Proxy.start({ upstream: up, config: config(durability) });
    try {
      const left = session_id();
      up.on(left, async (x) => {
        await x.received();
        await x.head(200, [['Content-Type', 'text/event-stream'], ['Transfer-Encoding', 'chunked']]);
        await x.piece(text_stream('left')[0]);
        await x.closed();
      });
      const conn = await Conn.open(p.port);
      await conn.request('POST', '/v1/messages', { headers: headers_for(left), body: ask_body() });
      await conn.head('POST');
      await conn.body_at_least(1);
      conn.rst();
      assert.equal((await p.row(left)).state, 'client_disconnected');
      const cut = session_id();
      up.on(cut, async (x) => {
        await x.received();
        await x.head(200, [['Content-Type', 'text/event-stream'], ['Transfer-Encoding', 'chunked']]);
        await x.piece(text_stream('cut')[0]);
        x.fin();
      });
      const got = await post(p, cut, ask_body());
      assert.equal(got.is_clean, false);
      assert.equal((await p.row(cut)).state, 'upstream_truncated');
    } finally {
      await p.stop();
    }
  });
}

/* --- what the kernel is asked to do --- */

const CALLS = 'trace=fdatasync,fsync';
const has_strace = spawnSync('strace', ['-qq', '-o', '/dev/null', 'true']).status === 0;
const skip = process.platform !== 'linux' ? 'counted on Linux only' : !has_strace && 'strace is missing or not allowed';

/* Runs a proxy whose syncs can be counted: those of the journal's segments only. */
async function traced(durability, work) {
  const dir = await temp_dir();
  const trace = path.join(dir, 'trace');
  /* -D: the traced process stays our child, the tracer goes aside. -y: with the file's name. */
  const p = await Proxy.start({ upstream: up, dir, config: config(durability),
    wrap: ['strace', '-D', '-f', '-qq', '-y', '-e', CALLS, '-o', trace] });
  const syncs = () => readFileSync(trace, 'latin1').split('\n').filter((l) => /(fdatasync|fsync)\(\d+<[^>]*\/journal\//.test(l)).length;
  try {
    await work(p, syncs);
    assert.deepEqual(await p.stop(), { code: 0, signal: null }, p.log.slice(-2000));
  } finally {
    if (p.exit === null) await p.stop();
    await fs.rm(dir, { recursive: true, force: true });
  }
}

test('sync: how it ended is on the disk before the client has the last byte', { skip, timeout: 60000 }, () => traced('sync', async (p, syncs) => {
  for (const framing of ['length', 'chunked', 'close']) {
    for (let i = 0; i < 4; i += 1) {
      const session = session_id();
      const before_all = syncs();
      up.on(session, async (x) => {
        await x.received();
        await x.respond(200, [['Content-Type', 'text/plain']], 'a'.repeat(1 + 1000 * i), { framing });
      });
      const got = await post(p, session, ask_body(`number ${i}`));
      const at_client = syncs();
      assert.ok(got.is_clean);
      assert.equal(got.body.length, 1 + 1000 * i);
      assert.ok(at_client > before_all, `${framing} ${i}: no sync before the last byte`);
    }
  }
}));

test('sync: a stream is not held up by the disk, only its end is', { skip, timeout: 60000 }, () => traced('sync', async (p, syncs) => {
  const before_all = syncs();
  let in_stream = 0;
  const events = text_stream('flowing');
  const answer = await in_step(p, session_id(), events, async () => { in_stream = syncs(); });
  assert.ok(answer.is_clean);
  assert.equal(in_stream, before_all, 'no sync while it flows');
  assert.ok(syncs() > before_all, 'one before its end');
}));

test('batch: the disk is asked in time, not by every request', { skip, timeout: 60000 }, () => traced('batch', async (p, syncs) => {
  for (let i = 0; i < 50; i += 1) assert.equal((await post(p, session_id(), ask_body())).status, 200);
  await until(() => syncs() > 0, 'a sync');
  assert.ok(syncs() < 50, `${syncs()} syncs for 50 requests`);
}));

test('batch: what came last is on the disk before the end', { skip, timeout: 60000 }, () => traced('batch', async (p, syncs) => {
  await post(p, session_id(), ask_body());
  await until(() => syncs() > 0, 'a sync');
  await settled(syncs);
  const before_it = syncs();
  assert.equal((await post(p, session_id(), ask_body())).status, 200);
  assert.deepEqual(await p.stop(), { code: 0, signal: null });
  assert.ok(syncs() > before_it, 'a sync at the end');
}));

test('process: the disk is not asked', { skip, timeout: 60000 }, () => traced('process', async (p, syncs) => {
  for (let i = 0; i < 10; i += 1) {
    const session = session_id();
    assert.equal((await post(p, session, ask_body())).status, 200);
    await p.row(session);
  }
  assert.equal(syncs(), 0);
}));
