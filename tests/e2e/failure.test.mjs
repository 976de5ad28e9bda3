/*
 * failure.test.mjs: what is not recorded is counted and told, and storage.on_record_failure says
 * whether the request goes on. The journal fails because files may grow no further (a full disk,
 * without needing one).
 */
import { after, before, test } from 'node:test';
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs/promises';
import { Conn, ask } from '../lib/client.mjs';
import { ask_body, headers_for, session_id, text_stream } from '../lib/messages.mjs';
import { Proxy, temp_dir } from '../lib/proxy.mjs';
import { Upstream } from '../lib/upstream.mjs';
import { until } from '../lib/wait.mjs';

let up;
before(async () => { up = await Upstream.start(); });
after(async () => {
  Conn.destroy_all();
  await up.stop();
});

const post = (p, session, text) =>
  ask(p.port, 'POST', '/v1/messages', { headers: headers_for(session), body: ask_body(text) });
const answer = (session) => up.on(session, async (x) => {
  await x.received();
  await x.respond(200, [['Content-Type', 'text/event-stream']], text_stream('fine').join(''), { framing: 'chunked' });
});
const limit = (p, bytes) => execFileSync('prlimit', ['--pid', String(p.pid), `--fsize=${bytes}:`]);
const losses = async (p) => Object.fromEntries((await p.api('/api/stats')).losses.map((l) => [l.reason, l]));

async function exchange(p, text) {
  const session = session_id();
  answer(session);
  return { session, got: await post(p, session, text) };
}

/* From here on nothing can be recorded. The journal has room ahead of what it has written: that is
 * used up first. */
async function fill_disk(p) {
  limit(p, 0);
  await exchange(p, 'x'.repeat(600 * 1024));
  await until(async () => (await losses(p)).journal_write.since_start > 0, 'the journal to fail');
}

test('forward: requests go on, what is lost is counted, and recording resumes by itself', { timeout: 60000 }, async () => {
  const p = await Proxy.start({ upstream: up });
  try {
    const first = await exchange(p);
    await p.row(first.session);
    await fill_disk(p);
    for (let i = 0; i < 5; i++) assert.equal((await exchange(p)).got.status, 200);
    const lost = (await losses(p)).journal_write;
    assert.ok(lost.since_start > 0, 'frames are counted as lost');
    assert.equal(lost.effect, 'lost');
    assert.ok(lost.last_at);
    assert.equal(p.log.match(/the journal cannot be written/g).length, 1, 'said once a minute');
    limit(p, 'unlimited');
    const again = await until(async () => {
      const { session } = await exchange(p);
      return p.api(`/api/requests?session=${session}`).then((r) => r.requests[0]);
    }, 'recording to resume');
    assert.ok(again);
    assert.equal((await losses(p)).not_recorded.since_start, 0);
  } finally {
    await p.stop();
  }
});

test('reject: a request that cannot be recorded gets 503, and is not sent', { timeout: 60000 }, async () => {
  const p = await Proxy.start({ upstream: up, config: { storage: { on_record_failure: 'reject' } } });
  try {
    const first = await exchange(p);
    assert.equal(first.got.status, 200);
    await p.row(first.session);
    await fill_disk(p);
    const { journal_write, journal_begin } = await losses(p);
    for (let i = 0; i < 3; i++) {
      const { session, got } = await exchange(p);
      assert.equal(got.status, 503);
      const body = JSON.parse(got.body);
      assert.equal(body.type, 'error');
      assert.equal(body.error.type, 'api_error');
      assert.equal(up.seen(session).length, 0, 'the provider saw nothing of it');
    }
    const counts = await losses(p);
    assert.equal(counts.not_recorded.since_start, 3);
    assert.equal(counts.not_recorded.effect, 'refused');
    assert.match(p.log, /requests are refused.*: File too large/, 'and why');
    assert.deepEqual([counts.journal_write, counts.journal_begin], [journal_write, journal_begin], 'what never went anywhere is not lost');
    limit(p, 'unlimited');
    const session = await until(async () => {
      const x = await exchange(p);
      return x.got.status === 200 && x.session;
    }, 'requests to be taken again');
    assert.equal((await p.row(session)).state, 'complete');
  } finally {
    await p.stop();
  }
});

/* The one line that a forward which failed gives, as names and values. */
async function line_of_failure(p) {
  const dead = new Set();
  const said = await p.logged(/forward failed (.*)\n/, async () => {
    const session = session_id();
    up.on(session, async (x) => { await x.received(); x.rst(); });
    const { status } = await ask(p.port, 'POST', '/v1/messages?beta=true&token=canary', {
      headers: [...headers_for(session), ['anthropic-beta', 'a-1,b-2']],
      body: JSON.stringify({ model: 'claude-test-1', stream: true, thinking: { type: 'adaptive' }, messages: [] }) });
    dead.add(status);
  });
  assert.deepEqual([...dead], [502]);
  return Object.fromEntries([...said[1].matchAll(/(\w+)=("(?:[^"\\]|\\.)*"|\S+)/g)].map(([, name, value]) => [name, value.replace(/^"|"$/g, '')]));
}

for (const how of ['recorded', 'without a record', 'that cannot be recorded']) {
  test(`a failed forward ${how} is one line of the log`, { timeout: 60000 }, async () => {
    const p = await Proxy.start({ upstream: up, config: { storage: { record: how !== 'without a record' } } });
    try {
      if (how === 'that cannot be recorded') await fill_disk(p);
      const line = await line_of_failure(p);
      const known = how === 'recorded' ? { model: 'claude-test-1', stream: '1', has_thinking: '1' } : { path: '/v1/messages' };
      assert.match(line.request_id, /^[0-9a-f-]{36}$/);
      assert.match(line.elapsed_ms, /^\d+$/);
      assert.ok(Number(line.body_bytes) > 80);
      assert.match(line.query, /^beta=true&token=…\[[0-9a-f]{8}\]$/);
      for (const [name, value] of Object.entries({ ...known, anthropic_beta: 'a-1,b-2', end: 'upstream_reset' })) assert.equal(line[name], value, name);
      assert.equal(p.log.match(/forward failed/g).length, 1);
      assert.ok(!p.log.includes('canary'));
    } finally {
      await p.stop();
    }
  });
}

test('what was lost is remembered by the next process', { timeout: 60000 }, async () => {
  const dir = await temp_dir();
  let p = await Proxy.start({ upstream: up, dir });
  try {
    await p.row((await exchange(p)).session);
    await fill_disk(p);
    await exchange(p);
    limit(p, 'unlimited');
    const { since_start: lost, all_time } = (await losses(p)).journal_write;
    assert.ok(lost > 0);
    assert.equal(all_time, lost);
    await p.stop();
    p = await p.restart();
    const later = (await losses(p)).journal_write;
    assert.equal(later.since_start, 0);
    assert.equal(later.all_time, lost);
    assert.ok(later.last_at);
  } finally {
    await p.stop();
    await fs.rm(dir, { recursive: true, force: true });
  }
});
