/*
 * recovery.test.mjs: a proxy that finds a large journal serves at once, takes all of it in with
 * little memory, and every row and body is exact. 64 MB; TEST_LENGTH=long: 1 GB.
 *
 * The journal is one real segment, many times: each copy has ids and a marker in its texts of its own.
 */
import { after, before, test } from 'node:test';
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import fs from 'node:fs/promises';
import path from 'node:path';
import { Conn, ask } from '../lib/client.mjs';
import { ask_body, headers_for, session_id, text_stream } from '../lib/messages.mjs';
import { Proxy, temp_dir } from '../lib/proxy.mjs';
import { assert_no_losses, assert_verified } from '../lib/reconcile.mjs';
import { segment_copy, segment_name, segment_read, uuid_text } from '../lib/segment.mjs';
import { same_bytes } from '../lib/suite.mjs';
import { Upstream } from '../lib/upstream.mjs';
import { until } from '../lib/wait.mjs';

const JOURNAL_BYTES = process.env.TEST_LENGTH === 'long' ? 1 << 30 : 64 << 20;
const EXCHANGES = 24;
const SERVES_MS = 3000;
const PEAK_BYTES = 96 << 20; // of memory, whatever the journal's length
const MARKER = 'marker-00000000';

let up;
before(async () => { up = await Upstream.start(); });
after(async () => {
  Conn.destroy_all();
  await up.stop();
});

/* Half of them go on with a conversation, the others are about something else each time. */
function body_of(i) {
  const text = (n) => `${MARKER} ${n} ${randomBytes(60000).toString('base64')}`;
  if (i % 2) return ask_body(text(i));
  const turns = Array.from({ length: 1 + i / 6 }, (_, n) => ({ role: n % 2 ? 'assistant' : 'user', content: `${MARKER} said ${n} ${'so much '.repeat(5000)}` }));
  return ask_body('', { messages: [...turns, { role: 'user', content: text(i) }] });
}

/* What a locked database keeps in the journal, and a kill: { bytes, frames, bodies by id }. */
async function make_segment() {
  const { DatabaseSync } = await import('node:sqlite');
  const p = await Proxy.start({ upstream: up, config: { server: { workers: 1 } } });
  const other = new DatabaseSync(path.join(p.data_dir, 'requests.db'));
  other.exec('PRAGMA busy_timeout = 10000; BEGIN EXCLUSIVE');
  for (let i = 0; i < EXCHANGES; i += 1) {
    const session = session_id();
    up.on(session, async (x) => {
      await x.received();
      await x.events(text_stream(`${MARKER} answers ${randomBytes(5000).toString('base64')}`));
    });
    await ask(p.port, 'POST', '/v1/messages', { headers: headers_for(session), body: body_of(i) });
  }
  await p.kill();
  other.close();
  const dir = path.join(p.data_dir, 'journal');
  const [file] = (await fs.readdir(dir)).filter((f) => f.endsWith('.seg')).sort();
  const segment = segment_read(path.join(dir, file));
  await fs.rm(p.dir, { recursive: true, force: true });
  const ids = [...new Set(segment.frames.map((f) => f.id))];
  assert.equal(ids.length, EXCHANGES, 'all in one segment');
  const bodies = new Map(ids.map((id, i) => [id, { request: Buffer.from(up.ledger[i].body), response: up.ledger[i].sent_body }]));
  return { ...segment, ids, bodies };
}

/* The same length, with copy `n`'s marker. */
function marked(bytes, n) {
  const copy = Buffer.from(bytes);
  const own = `marker-${String(n).padStart(8, '0')}`;
  for (let at = copy.indexOf(MARKER); at >= 0; at = copy.indexOf(MARKER, at + 1)) copy.write(own, at, 'latin1');
  return copy;
}

const peak_bytes = (p) => Number(/VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${p.pid}/status`, 'latin1'))[1]) * 1024;

test(`a journal of ${JOURNAL_BYTES >> 20} MB`, { timeout: 900000, skip: process.platform !== 'linux' && 'memory is read from /proc' }, async (t) => {
  const made = await make_segment();
  const copies = Math.ceil(JOURNAL_BYTES / made.bytes.length);
  const dir = await temp_dir('recovery');
  const journal = path.join(dir, 'data', 'journal');
  const own_ids = (n) => new Map(made.ids.map((id, i) => [id, `${id.slice(0, 20)}${(n * EXCHANGES + i).toString(16).padStart(12, '0')}`]));
  await fs.mkdir(journal, { recursive: true, mode: 0o700 });
  for (let n = 1; n <= copies; n += 1) {
    const copy = segment_copy({ bytes: marked(made.bytes, n), frames: made.frames }, n, own_ids(n));
    await fs.writeFile(path.join(journal, segment_name(n)), copy, { mode: 0o600 });
  }
  const from = performance.now();
  const p = await Proxy.start({ upstream: up, dir });
  try {
    const serves_ms = performance.now() - from;
    assert.ok(serves_ms < SERVES_MS, `it serves after ${serves_ms} ms`);
    const session = session_id();
    up.on(session, (x) => x.events(text_stream('meanwhile')));
    assert.equal((await ask(p.port, 'POST', '/v1/messages', { headers: headers_for(session), body: ask_body('now') })).status, 200);
    await until(async () => (await p.api('/api/stats')).total.request_count === copies * EXCHANGES + 1, 'all to be taken in', 600000);
    const seconds = (performance.now() - from) / 1000;
    const peak = peak_bytes(p);
    t.diagnostic(`${copies * EXCHANGES} exchanges, ${(copies * made.bytes.length) >> 20} MB: serves after ${Math.round(serves_ms)} ms, `
      + `all taken in after ${seconds.toFixed(1)} s, ${peak >> 20} MB of memory at most`);
    assert.ok(peak < PEAK_BYTES, `${peak >> 20} MB of memory`);
    const rows = new Map((await p.rows()).map((r) => [r.id, r]));
    assert.equal(rows.size, copies * EXCHANGES + 1);
    let raw_bytes = ask_body('now').length;
    for (let n = 1; n <= copies; n += 1) {
      for (const [id, own] of own_ids(n)) {
        const row = rows.get(uuid_text(own));
        assert.equal(row?.state, 'complete', own);
        assert.ok(!row.flags.includes('body_truncated'), own);
        raw_bytes += made.bodies.get(id).request.length;
      }
    }
    assert.equal((await p.api('/api/stats')).total.request_bytes, raw_bytes);
    for (let n = 1; n <= copies; n += Math.ceil(copies / 6)) {
      for (const [id, own] of own_ids(n)) {
        for (const side of ['request', 'response'])
          same_bytes(await p.body(uuid_text(own), side), marked(made.bodies.get(id)[side], n), `${side} of ${own}`);
      }
    }
    await assert_no_losses(p, ['journal_torn']);
    await assert_verified(p, 600000);
  } finally {
    await p.stop();
    await fs.rm(dir, { recursive: true, force: true });
  }
});
