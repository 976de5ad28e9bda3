/*
 * cut.test.mjs: the provider breaks off. The client sees the break and no invented end; the record
 * holds what came and says truncated or reset.
 */
import { test } from 'node:test';
import assert from 'node:assert/strict';
import { Conn } from '../lib/client.mjs';
import { ask_body, headers_for, session_id, text_stream } from '../lib/messages.mjs';
import { is_prefix, same_bytes, with_proxy } from '../lib/suite.mjs';

const t = with_proxy();
const EVENTS = text_stream('cut somewhere in the middle of this');
const CHUNKED = [['Content-Type', 'text/event-stream'], ['Transfer-Encoding', 'chunked']];

async function run(script) {
  const session = session_id();
  t.up.on(session, async (x) => {
    await x.received();
    await script(x);
  });
  const conn = await Conn.open(t.proxy.port);
  await conn.request('POST', '/v1/messages', { headers: headers_for(session), body: ask_body() });
  let answer = null;
  try {
    answer = await conn.head('POST');
    await conn.finish();
  } catch (e) {
    if (!/ended before an answer/.test(e.message)) throw e;
  }
  if (!answer?.is_clean) await conn.closed();
  conn.destroy();
  const x = t.up.seen(session)[0];
  assert.equal(t.up.seen(session).length, 1, 'sent once');
  return { session, answer, x, row: await t.proxy.row(session) };
}

async function check_cut({ answer, x, row }, states) {
  assert.ok(answer, 'the answer had begun');
  assert.equal(answer.is_clean, false, 'no invented end');
  assert.equal(answer.reader.has_last_chunk, false, 'no final chunk');
  assert.ok(states.includes(row.state), `${row.state} instead of ${states}`);
  const stored = await t.proxy.body(row.id, 'response');
  is_prefix(stored, x.sent_body, 'stored is a prefix of what was sent');
  assert.ok(stored.length >= answer.body.length, 'stored is at least what the client had');
  return stored;
}

const CUTS = {
  'after the head, before any chunk': async () => {},
  'between chunks': async (x) => { for (const e of EVENTS.slice(0, 4)) await x.piece(e); },
  'after all chunks, before the last one': async (x) => { for (const e of EVENTS) await x.piece(e); },
  'inside a size line': async (x) => { await x.piece(EVENTS[0]); await x.write('1'); },
  'after a size line': async (x) => { await x.piece(EVENTS[0]); await x.write('1f\r\n'); },
  'inside a chunk': async (x) => {
    await x.piece(EVENTS[0]);
    x.sent.push(Buffer.from('half'));
    await x.write('1f\r\nhalf');
  },
  'between chunk data and its CRLF': async (x) => {
    await x.piece(EVENTS[0]);
    x.sent.push(Buffer.from('whole'));
    await x.write('5\r\nwhole');
  },
  'inside the last chunk': async (x) => { for (const e of EVENTS) await x.piece(e); await x.write('0\r\n'); },
};

for (const [name, cut] of Object.entries(CUTS)) {
  test(`chunked, FIN ${name}`, async () => {
    const r = await run(async (x) => {
      await x.head(200, CHUNKED);
      await cut(x);
      x.fin();
    });
    const stored = await check_cut(r, ['upstream_truncated']);
    same_bytes(stored, r.x.sent_body, 'all that was sent is stored');
  });

  test(`chunked, RST ${name}`, async () => {
    const r = await run(async (x) => {
      await x.head(200, CHUNKED);
      await cut(x);
      x.rst();
    });
    /* A reset may overtake the head: then the client has our 502. */
    if (r.answer?.status === 502) assert.equal(r.row.state, 'upstream_reset');
    else await check_cut(r, ['upstream_reset', 'upstream_truncated']);
  });
}

for (const sent of [0, 1, 500, 999]) {
  test(`Content-Length 1000, FIN after ${sent}`, async () => {
    const r = await run(async (x) => {
      await x.head(200, [['Content-Type', 'application/json'], ['Content-Length', '1000']]);
      if (sent) await x.piece('j'.repeat(sent));
      x.fin();
    });
    const stored = await check_cut(r, ['upstream_truncated']);
    assert.equal(stored.length, sent);
    assert.ok(r.answer.body.length <= sent);
  });
}

test('close-delimited, RST: not a clean end, however close behind the data it comes', { timeout: 60000 }, async () => {
  for (let i = 0; i < 150; i += 1) {
    const r = await run(async (x) => {
      await x.head(200, [['Content-Type', 'text/event-stream']]);
      await x.piece(EVENTS[0]);
      x.rst();
    });
    assert.ok(['upstream_reset', 'upstream_truncated'].includes(r.row.state), r.row.state);
    if (r.answer?.status !== 502) assert.equal(r.answer?.is_clean ?? false, false); // 502: the reset overtook the head
  }
});

test('close-delimited without message_stop: complete on the wire, told by the row', async () => {
  const r = await run(async (x) => {
    await x.head(200, [['Content-Type', 'text/event-stream']]);
    for (const e of EVENTS.slice(0, -1)) await x.piece(e);
    x.fin();
  });
  same_bytes(r.answer.body, EVENTS.slice(0, -1).join(''), 'answer');
  /* The framing cannot tell; the stream lacks its message_stop. */
  assert.equal(r.row.state, 'upstream_truncated');
  assert.deepEqual(r.row.error, { type: 'UPSTREAM_TRUNCATED', message: 'it ended in good order, but before its last event' });
  const { complete } = await t.proxy.message(r.row.id);
  assert.equal(complete, false);
});

test('a stream cut between chunks at every event keeps a partial message', async () => {
  for (let k = 1; k < EVENTS.length; k += 1) {
    const r = await run(async (x) => {
      await x.head(200, CHUNKED);
      for (const e of EVENTS.slice(0, k)) await x.piece(e);
      x.fin();
    });
    await check_cut(r, ['upstream_truncated']);
    assert.equal(r.answer.text.includes('message_stop'), false);
    const { complete } = await t.proxy.message(r.row.id);
    assert.equal(complete, false);
  }
});

test('an SSE error event in a 200 stream ends as upstream_error', async () => {
  const r = await run((x) => x.events([...EVENTS.slice(0, 4),
    'event: error\ndata: {"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}\n\n']));
  assert.ok(r.answer.is_clean);
  assert.equal(r.row.state, 'upstream_error');
  assert.equal(r.row.status, 200);
  assert.deepEqual(r.row.error, { type: 'overloaded_error', message: 'Overloaded' });
});

const BEFORE = { FIN: (x) => x.fin(), RST: (x) => x.rst() };
for (const [name, cut] of Object.entries(BEFORE)) {
  test(`${name} after the request, before any answer: 502, sent once`, async () => {
    const r = await run(async (x) => cut(x));
    assert.equal(r.answer.status, 502);
    assert.ok(r.answer.is_clean);
    assert.equal(r.answer.json.type, 'error');
    assert.equal(r.answer.json.error.type, 'api_error');
    assert.equal(typeof r.answer.json.request_id, 'string');
    assert.ok(['upstream_reset', 'upstream_truncated'].includes(r.row.state), r.row.state);
    assert.equal(r.row.status, 502);
    assert.ok(r.row.flags.includes('ours'));
  });
}

test('FIN inside the answer\'s head: 502', async () => {
  const r = await run(async (x) => {
    await x.write('HTTP/1.1 200 OK\r\nContent-Ty');
    x.fin();
  });
  assert.equal(r.answer.status, 502);
  assert.ok(['upstream_reset', 'upstream_truncated'].includes(r.row.state), r.row.state);
});

test('a failed forward is one structured log line', async () => {
  const r = await run(async (x) => x.rst());
  const lines = t.proxy.log.split('\n').filter((l) => l.includes(r.row.id));
  assert.equal(lines.length, 1, `one line for ${r.row.id}, got:\n${lines.join('\n')}`);
  for (const key of ['request_id=', 'model=', 'stream=', 'body_bytes=', 'has_thinking=', 'anthropic_beta=', 'query=', 'elapsed', 'end='])
    assert.ok(lines[0].includes(key), `${key} in ${lines[0]}`);
});
