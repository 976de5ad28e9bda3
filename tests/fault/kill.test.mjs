/*
 * kill.test.mjs: kill -9 in the middle of 50 streams, again and again, on one data directory. After
 * each restart the ledgers of client and provider are reconciled with the rows:
 *   I1 each request that the provider saw has exactly one row
 *   I2 complete: the stored body is what the provider sent and the client got
 *   I3 interrupted: the stored body is a prefix of what the provider sent, and no shorter than
 *      what the client got
 *   I4 no request has two rows
 *   I5 the ending fits what happened; none is left running
 * TEST_LENGTH=quick: 3 rounds; normal: 20; long: 200. SEED repeats a run.
 */
import { after, before, test } from 'node:test';
import assert from 'node:assert/strict';
import fs from 'node:fs/promises';
import { Conn, ask } from '../lib/client.mjs';
import { ask_body, error_body, headers_for, session_id, text_stream } from '../lib/messages.mjs';
import { Proxy, temp_dir } from '../lib/proxy.mjs';
import { is_prefix, same_bytes } from '../lib/suite.mjs';
import { Upstream } from '../lib/upstream.mjs';
import { random, until } from '../lib/wait.mjs';

const ROUNDS = { quick: 3, normal: 20, long: 200 }[process.env.TEST_LENGTH ?? 'normal'] ?? 20;
const SEED = Number(process.env.SEED ?? 20261121);
const STREAMS = 50;

let up;
let dir;
let proxy;
before(async () => {
  up = await Upstream.start();
  up.is_raw_kept = false;
  dir = await temp_dir('kill');
});
after(async () => {
  Conn.destroy_all();
  try {
    if (proxy && proxy.exit === null) await proxy.stop();
  } finally {
    await up.stop();
    await fs.rm(dir, { recursive: true, force: true });
  }
});

/* What a stream does, by chance: its text, its pace, how it ends. */
function script_of(r) {
  const events = text_stream(`text ${r.below(1e9)} `.repeat(1 + r.below(60)), { id: `msg_${r.below(1e9)}` });
  const fault = ['none', 'none', 'none', 'none', 'cut', 'error', 'endless', 'endless'][r.below(8)];
  const pause_every = 1 + r.below(6);
  return async (x) => {
    x.fault = fault;
    await x.received();
    if (fault === 'error') {
      await x.json(529, error_body('overloaded_error', 'Overloaded'));
      return;
    }
    await x.head(200, [['Content-Type', 'text/event-stream'], ['Transfer-Encoding', 'chunked']]);
    for (const [i, e] of events.entries()) {
      await x.piece(e);
      if (i % pause_every === 0) await new Promise((resolve) => setImmediate(resolve));
      if (fault === 'cut' && i === events.length - 3) {
        x.fin();
        return;
      }
    }
    while (fault === 'endless') {
      await x.piece(': ping\n\n');
      await new Promise((resolve) => setTimeout(resolve, 3));
    }
    await x.finish();
  };
}

/* One client: asks, reads what comes, remembers how it ended. */
async function client(line) {
  let conn;
  try {
    conn = await Conn.open(proxy.port);
    line.is_open = true;
    await conn.request('POST', '/v1/messages?beta=true', { headers: headers_for(line.session), body: line.body });
    line.answer = await conn.head('POST', 60000);
    await conn.finish(60000);
  } catch (e) {
    line.error = e;
  } finally {
    conn?.destroy();
  }
}

function check_line(line, row, round) {
  const what = `round ${round}, session ${line.session}, fault ${line.x?.fault}, row ${row?.state}`;
  const { x, answer } = line;
  assert.ok(row, `I1: no row: ${what}`);
  assert.notEqual(row.state, 'running', what);
  const got_all = answer?.is_clean === true;
  if (got_all && x.fault === 'none') assert.equal(row.state, 'complete', `I5: ${what}`);
  else if (got_all && x.fault === 'error') assert.equal(row.state, 'upstream_error', `I5: ${what}`);
  else if (x.fault === 'endless') assert.equal(row.state, 'proxy_crash', `I5: ${what}`);
  else if (x.fault === 'none') assert.ok(['complete', 'proxy_crash'].includes(row.state), `I5: ${what}`);
  else if (x.fault === 'error') assert.ok(['upstream_error', 'proxy_crash'].includes(row.state), `I5: ${what}`);
  else assert.ok(['upstream_truncated', 'proxy_crash'].includes(row.state), `I5: ${what}`);
  if (row.state === 'complete') assert.equal(x.is_finished, true, `complete without an end: ${what}`);
}

async function reconcile(lines, round, only_rows) {
  const wanted = lines.filter((l) => up.seen(l.session).length).map((l) => l.session);
  let rows = [];
  /* What the journal holds is read in after the start: wait for it; what stays missing is told below. */
  await until(async () => {
    rows = await proxy.rows();
    const known = new Set(rows.map((r) => r.session_id));
    return rows.every((r) => r.state !== 'running') && wanted.every((s) => known.has(s));
  }, 'rows', 10000).catch(() => {});
  const by_session = new Map();
  for (const row of rows) {
    assert.equal(by_session.has(row.session_id), false, `I4: two rows for ${row.session_id}, round ${round}`);
    by_session.set(row.session_id, row);
  }
  const endings = {};
  for (const line of lines) {
    line.x = up.seen(line.session)[0];
    assert.ok(up.seen(line.session).length <= 1, 'sent once');
    const row = by_session.get(line.session);
    if (!line.x) {
      /* Not seen by the provider: a row is right only for what the proxy had begun. */
      if (row) assert.ok(['proxy_crash', 'client_disconnected'].includes(row.state), row.state);
      continue;
    }
    check_line(line, row, round);
    endings[row.state] = (endings[row.state] ?? 0) + 1;
    if (only_rows) continue;
    const request = await proxy.body(row.id, 'request');
    if (line.x.is_received && row.state !== 'proxy_crash') same_bytes(request, line.body, 'request body');
    else is_prefix(request, Buffer.from(line.body), 'request body');
    const stored = await proxy.body(row.id, 'response');
    if (row.state === 'complete' || row.state === 'upstream_error') {
      same_bytes(stored, line.x.sent_body, `I2: ${row.state}`);
      if (line.answer?.is_clean) same_bytes(line.answer.body, stored, 'I2: the client');
    } else {
      is_prefix(stored, line.x.sent_body, 'I3: stored is a prefix of what was sent');
      const got = line.answer?.body.length ?? 0;
      assert.ok(stored.length >= got, `I3: stored ${stored.length} bytes, the client has ${got}`);
    }
  }
  return endings;
}

test(`kill -9 during ${STREAMS} streams, ${ROUNDS} times`, { timeout: ROUNDS * 30000 }, async (t) => {
  const r = random(SEED);
  t.diagnostic(`SEED=${SEED}`);
  const everything = [];
  const total = {};
  proxy = await Proxy.start({ upstream: up, dir });
  for (let round = 0; round < ROUNDS; round += 1) {
    const lines = Array.from({ length: STREAMS + 20 }, (_, i) => ({ session: session_id(), body: ask_body(`round ${round} line ${i} ${'x'.repeat(r.below(5000))}`) }));
    for (const line of lines) up.on(line.session, script_of(r));
    const running = lines.slice(0, STREAMS).map(client);
    /* Killed once so many bytes have been seen by clients: a moment in mid-stream, by chance. */
    const limit = r.below(120000);
    const seen = () => lines.reduce((n, l) => n + (l.answer?.reader.size ?? 0), 0);
    const more = (async () => {
      for (const line of lines.slice(STREAMS)) {
        if (proxy.exit) return;
        await Promise.race([client(line), new Promise((resolve) => setTimeout(resolve, 20))]);
      }
    })();
    await until(() => seen() >= limit && up.ledger.length > 0, 'the streams to be under way', 20000);
    await proxy.kill();
    await Promise.all(running);
    await more;
    const from = performance.now();
    proxy = await Proxy.start({ upstream: up, dir });
    assert.ok(performance.now() - from < 3000, 'recovery takes less than 3 s');
    const endings = await reconcile(lines, round);
    for (const [k, n] of Object.entries(endings)) total[k] = (total[k] ?? 0) + n;
    for (const line of lines) {
      line.x = null;
      line.answer = line.answer && { is_clean: line.answer.is_clean, body: { length: line.answer.body.length } };
      everything.push(line);
    }
    for (const x of up.ledger) x.reader.pieces = [];
  }
  t.diagnostic(`endings: ${JSON.stringify(total)}`);
  assert.ok(total.proxy_crash > 0, 'some streams were cut by the kill');
  /* Earlier rounds are untouched by later kills. */
  await reconcile(everything, 'all', true);
  assert.equal((await ask(proxy.port, 'GET', '/health')).status, 200);
  const { recorder } = await proxy.api('/api/stats');
  assert.equal(recorder.damaged_frames, 0);
  assert.equal(recorder.poisoned, 0);
});
