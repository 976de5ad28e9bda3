/*
 * matrix_odd.test.mjs: the official Anthropic SDK through the proxy, and providers of each language
 * that answer well, refuse, break off at every place, fall silent or talk nonsense.
 */
import { after, before, test } from 'node:test';
import assert from 'node:assert/strict';
import zlib from 'node:zlib';
import { Conn } from '../lib/client.mjs';
import { LANGUAGES, Provider, matrix_proxy, refusal, sdk, sdk_ask, sdk_client, tool_loop } from '../lib/matrix.mjs';
import { ask_body, headers_for, session_id } from '../lib/messages.mjs';
import { speakers } from '../lib/speakers.mjs';
import { Upstream } from '../lib/upstream.mjs';
import { until, within } from '../lib/wait.mjs';

const skip = !sdk && '@anthropic-ai/sdk is not installed: npm ci in tests/';
const SILENCE_MS = 1500;
let up, provider, proxy, hasty;

before(async () => {
  up = await Upstream.start();
  provider = await Provider.start();
  proxy = await matrix_proxy(provider.url, { up });
  hasty = await matrix_proxy(provider.url, { up, provider: { response_header_timeout: `${SILENCE_MS}ms` }, config: { server: { timeouts: { read: `${SILENCE_MS}ms` } } } });
});
after(async () => {
  Conn.destroy_all();
  for (const p of [proxy, hasty]) assert.deepEqual(await p.stop(), { code: 0, signal: null }, p.log.slice(-2000));
  await provider.stop();
  await up.stop();
});

const SSE = [['Content-Type', 'text/event-stream'], ['Transfer-Encoding', 'chunked']];
const PARTS = [{ thinking: 'Let me think: ünïcödé.' }, { text: 'I look at "it" 😀.' },
  { call: { id: 'call_a', name: 'get', input: { path: '/é', n: 1 } } }, { call: { id: 'call_b', name: 'put', input: { deep: { list: [1, 'x', null] } } } }];
const TOOLS = ['get', 'put'].map((name) => ({ name, description: name, input_schema: { type: 'object', properties: { path: { type: 'string' } } } }));
const THINKS = { max_tokens: 4000, thinking: { type: 'enabled', budget_tokens: 2000 } };
const PIXEL = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==';

let count = 0;
/* For one case: a model of its own, and a client. */
function setup(name, script, p = proxy) {
  const model = `${name}-${++count}`, session = session_id();
  provider.on(model, script);
  return {
    model, session,
    ask: (is_stream, more = {}) => sdk_ask(sdk_client(p, session), { model, messages: [{ role: 'user', content: 'hi' }], tools: TOOLS, ...THINKS, ...more }, is_stream),
    row: () => p.row(session),
    asked: () => provider.asked(model),
  };
}

/* Each of `it` for each language, streamed and whole to the client. */
function each(what, fn, options = {}) {
  for (const { name } of LANGUAGES)
    for (const is_stream of [true, false])
      test(`${name}, ${is_stream ? 'streamed' : 'whole'}: ${what}`, { skip, ...options }, () => fn(name, is_stream, speakers[name]));
}

/* Gemini's signatures stand on calls; they travel in thinking of no words, before each. */
const said = (m) => ({ ...m, content: m.content.filter((b) => b.type !== 'thinking' || b.thinking) });

function check_whole(got) {
  const m = said(got);
  assert.deepEqual(m.content.map((b) => b.type), ['thinking', 'text', 'tool_use', 'tool_use']);
  assert.equal(m.content[0].thinking, PARTS[0].thinking);
  assert.equal(m.content[1].text, PARTS[1].text);
  for (const i of [2, 3]) assert.deepEqual([m.content[i].name, m.content[i].input], [PARTS[i].call.name, PARTS[i].call.input]);
  assert.equal(m.stop_reason, 'tool_use');
  assert.deepEqual([m.usage.input_tokens, m.usage.cache_read_input_tokens, m.usage.output_tokens], [60, 40, 7]);
}

each('thinking, text and two tools; usage', async (name, is_stream) => {
  const t = setup(name, (x, s) => x.events(s.events(PARTS)));
  check_whole(await t.ask(is_stream));
  const row = await t.row();
  assert.deepEqual([row.state, row.provider, row.response_model], ['complete', name, t.model]);
  assert.deepEqual([row.usage.input_tokens, row.usage.cache_read_input_tokens, row.usage.output_tokens], [60, 40, 7]);
});

each('the same from an answer in one piece', async (name, is_stream) => {
  const t = setup(`${name}_whole`, (x, s) => x.json(200, s.whole(PARTS)));
  check_whole(await t.ask(is_stream));
});

each('the same in single bytes', async (name, is_stream) => {
  const t = setup(name, async (x, s) => {
    await x.head(200, SSE);
    for (const byte of Buffer.from(s.events(PARTS).join(''))) await x.piece(Buffer.of(byte));
    await x.finish();
  });
  check_whole(await t.ask(is_stream));
});

each('images in the question and in a result', async (name, is_stream) => {
  const image = { type: 'image', source: { type: 'base64', media_type: 'image/png', data: PIXEL } };
  const t = setup(name, (x, s) => x.events(s.events([{ text: 'Two pictures.' }])));
  const m = await t.ask(is_stream, { messages: [
    { role: 'user', content: [image, { type: 'text', text: 'look' }] },
    { role: 'assistant', content: [{ type: 'tool_use', id: 'toolu_1', name: 'get', input: { path: '/p.png' } }] },
    { role: 'user', content: [{ type: 'tool_result', tool_use_id: 'toolu_1', content: [{ type: 'text', text: 'here' }, image] }] },
  ], thinking: undefined });
  assert.equal(m.content[0].text, 'Two pictures.');
  assert.deepEqual(t.asked()[0].images, [`data:image/png;base64,${PIXEL}`, `data:image/png;base64,${PIXEL}`]);
});

each('a loop of 25 turns: calls, results and what was thought go back as they came', async (name, is_stream) => {
  const t = setup(name, (x, s) => {
    const { results } = provider.asked(t.model).at(-1);
    const n = results.length / 2;
    return x.events(s.events(n === 25 ? [{ text: 'done' }] : [{ thinking: `thought ${n}` },
      { call: { id: `call_a${n}`, name: 'get', input: { n, text: `é${n}` } } }, { call: { id: `call_b${n}`, name: 'put', input: { n } } }]));
  });
  const messages = await tool_loop(sdk_client(proxy, t.session), { model: t.model, messages: [{ role: 'user', content: 'go' }], tools: TOOLS, ...THINKS }, is_stream,
    (c) => (c.name === 'get' ? `got ${c.input.n}` : [{ type: 'text', text: `put ${c.input.n}` }]));
  assert.equal(messages.at(-1).content.at(-1).text, 'done');
  const last = t.asked().at(-1);
  assert.equal(t.asked().length, 26);
  assert.equal(last.calls.length, 50);
  last.calls.forEach((c, i) => {
    const n = Math.floor(i / 2);
    assert.deepEqual([c.name, c.input], i % 2 ? ['put', { n }] : ['get', { n, text: `é${n}` }]);
    assert.match(last.results[i].text, new RegExp(`${i % 2 ? 'put' : 'got'} ${n}\\b`));
    if (name === 'gemini') assert.equal(last.results[i].name, c.name);
    else assert.equal(last.results[i].id, c.id);
  });
  if (name === 'responses') assert.deepEqual(last.sealed, Array(25).fill('sealed-0'));
  if (name === 'gemini') assert.ok(last.signatures.every((s) => s === 'c2lnbmF0dXJl'), JSON.stringify(last.signatures));
});

/* --- refusals --- */

const STATUSES = { 400: 'BadRequestError', 401: 'AuthenticationError', 402: 'APIError', 403: 'PermissionDeniedError', 404: 'NotFoundError', 413: 'APIError', 429: 'RateLimitError', 500: 'InternalServerError', 502: 'InternalServerError', 503: 'InternalServerError' };
const ANSWERED = { 503: 529 };
for (const [status, class_name] of Object.entries(STATUSES))
  each(`${status} before the answer`, async (name, is_stream) => {
    const t = setup(name, (x, s) => x.json(Number(status), s.error(Number(status), `told ${status}`), [['Retry-After', '11']]));
    const e = await refusal(t.ask(is_stream));
    assert.equal(e.status, ANSWERED[status] ?? Number(status), e.message);
    assert.ok(e instanceof sdk[class_name], e.constructor.name);
    assert.equal(e.error.type, 'error');
    assert.match(e.error.error.message, new RegExp(`told ${status}`));
    assert.match(e.requestID, /^req_/);
    assert.equal(e.error.request_id, e.requestID);
    if (status === '429') assert.equal(e.headers.get('retry-after'), '11');
    assert.equal((await t.row()).state, 'upstream_error');
  });

each('an overflow of the context', async (name, is_stream) => {
  const t = setup(name, (x, s) => x.json(400, s.overflow()));
  const e = await refusal(t.ask(is_stream));
  assert.deepEqual([e.status, e.error.error.type], [400, 'invalid_request_error']);
  assert.match(e.error.error.message, /prompt is too long: \d+ tokens > \d+ maximum/);
});

each('an error in place of the first event keeps its status', async (name, is_stream) => {
  const t = setup(name, (x, s) => x.events([s.mid_error('all is lost')]));
  const e = await refusal(t.ask(is_stream));
  assert.equal(e.status, 500);
  assert.match(e.error.error.message, /all is lost/);
});

/* --- breaks in mid-stream: what the client gets is an error, and never a call that may be run --- */

const places = (s) => {
  const all = s.events(PARTS), bytes = Buffer.from(all.join('')), ends = all.map((_, i) => Buffer.byteLength(all.slice(0, i + 1).join('')));
  const last = all.findLastIndex((e) => /finish_reason":"tool_calls|response\.completed|finishReason/.test(e)); /* from here on it is whole */
  const wanted = new Set([0, 1]);
  for (let i = 0; i <= last; i += 1) {
    if (i) wanted.add(ends[i - 1]);
    wanted.add(Math.floor(((ends[i - 1] ?? 0) + ends[i]) / 2));
  }
  return [...wanted].map((at) => bytes.subarray(0, at));
};

for (const [how, leave, state] of [
  ['FIN', (x) => x.fin(), /^upstream_(truncated|reset)$/], ['RST', (x) => x.rst(), /^upstream_(truncated|reset)$/],
  ['a clean end that comes too soon', (x) => x.finish(), /^upstream_(truncated|error)$/],
])
  each(`cut at every event and inside of it, by ${how}`, async (name, is_stream, s) => {
    await Promise.all(places(s).map(async (bytes) => {
      const t = setup(name, async (x) => {
        await x.head(200, SSE);
        if (bytes.length) await x.piece(bytes);
        await new Promise((resolve) => { setTimeout(resolve, 5); }); /* an RST would overtake the bytes */
        await leave(x);
      });
      const e = await refusal(t.ask(is_stream));
      assert.ok(e instanceof sdk.APIError, `${bytes.length}: ${e.stack}`);
      assert.match((await t.row()).state, state, `cut after ${bytes.length} bytes`);
    }));
  });

each('an error event after each part', async (name, is_stream, s) => {
  for (let n = 1; n <= PARTS.length; n += 1) {
    const begun = s.events(PARTS.slice(0, n)).filter((e) => !/finish_reason":"(stop|tool_calls)|\[DONE\]|"usage"|finishReason|response\.completed/.test(e));
    const t = setup(name, (x) => x.events([...begun, s.mid_error('all is lost')]));
    const e = await refusal(t.ask(is_stream));
    assert.match(e.message, /all is lost/);
    assert.equal((await t.row()).state, 'upstream_error');
  }
});

each('an overflow that is told in mid-stream', async (name, is_stream, s) => {
  const t = setup(name, (x) => x.events([...s.start, `data: ${JSON.stringify(name === 'responses'
    ? { type: 'response.failed', response: { id: 'r', status: 'failed', error: { code: 'context_length_exceeded', message: 'Your input exceeds the context window of this model.' } } } : s.overflow())}\n\n`]));
  assert.match((await refusal(t.ask(is_stream))).message, /prompt is too long/);
});

for (const [what, bytes] of [['an HTML page', '<html><body>502</body></html>'], ['bytes without sense', '\u0000\u0001\ufffd}{][garbage\n\nmore'],
  ['an event that is not JSON', 'data: {"id": oh no\n\n'], ['nothing at all', ''], ['an empty object', '{}'], ['a stream of comments', ': ping\n\n: ping\n\n']])
  each(`200 and ${what}`, async (name, is_stream) => {
    const t = setup(name, (x) => x.respond(200, [['Content-Type', 'text/event-stream']], bytes));
    const e = await refusal(t.ask(is_stream));
    assert.ok(e instanceof sdk.APIError, e.stack);
    assert.match((await t.row()).state, /^upstream_/);
  });

/* covers: S68 */
each('an answer that is compressed without being asked for', async (name, is_stream, s) => {
  const t = setup(name, (x) => x.respond(200, [['Content-Type', 'text/event-stream'], ['Content-Encoding', 'gzip']], zlib.gzipSync(s.events(PARTS).join(''))));
  const e = await refusal(t.ask(is_stream));
  assert.equal(e.status, 502);
  assert.match(e.error.error.message, /compressed/);
  assert.equal((await t.row()).state, 'upstream_error');
});

/* covers: S69 */
each('fewer bytes than content-length promised', async (name, is_stream, s) => {
  const whole = setup(`${name}_whole`, async (x) => {
    const body = JSON.stringify(s.whole(PARTS));
    await x.head(200, [['Content-Type', 'application/json'], ['Content-Length', String(body.length + 10)]]);
    await x.piece(body);
    x.fin();
  });
  const streamed = setup(name, async (x) => {
    await x.head(200, [['Content-Type', 'text/event-stream'], ['Content-Length', '100000']]);
    await x.piece(s.events(PARTS).slice(0, 3).join(''));
    x.fin();
  });
  for (const t of [whole, streamed]) {
    assert.ok(await refusal(t.ask(is_stream)) instanceof sdk.APIError);
    assert.match((await t.row()).state, /^upstream_(truncated|reset)$/);
  }
});

/* --- silence --- */

each('a provider that dies silently in mid-stream', async (name, is_stream, s) => {
  const t = setup(name, async (x) => {
    await x.head(200, SSE);
    await x.piece(s.events(PARTS).slice(0, 4).join(''));
    await x.closed();
  }, hasty);
  const e = await refusal(within(t.ask(is_stream), 10 * SILENCE_MS, 'an end of the silence'));
  assert.ok(e instanceof sdk.APIError, e.stack);
  assert.equal((await t.row()).state, 'upstream_timeout');
});

each('a provider that never answers', async (name, is_stream) => {
  const t = setup(name, (x) => x.closed(), hasty);
  const e = await refusal(within(t.ask(is_stream), 10 * SILENCE_MS, 'an end of the silence'));
  assert.deepEqual([e.status, e.error?.error.type], [504, 'timeout_error'], e.message);
  assert.equal((await t.row()).state, 'upstream_timeout');
});

each('a provider that cannot be reached', async (name, is_stream) => {
  const gone = await Upstream.start();
  await gone.stop();
  const p = await matrix_proxy(gone.url, { up });
  const session = session_id();
  const e = await refusal(sdk_ask(sdk_client(p, session), { model: `${name}-x`, messages: [{ role: 'user', content: 'hi' }] }, is_stream));
  assert.equal(e.status, 502);
  assert.equal((await p.row(session)).state, 'upstream_error');
  assert.deepEqual(await p.stop(), { code: 0, signal: null });
});

/* Twice the time between two pings of ours. */
test('a provider that thinks for half a minute: pings, at most 15 s apart, then the answer', { skip }, async () => {
  const SILENT_MS = 25000;
  const pause = () => new Promise((resolve) => { setTimeout(resolve, SILENT_MS); });
  await Promise.all(LANGUAGES.flatMap(({ name }) => [
    async (x, s) => { await pause(); await x.events(s.events([{ text: 'late' }])); },
    async (x, s) => { await x.head(200, SSE); await pause(); for (const e of s.events([{ text: 'late' }])) await x.piece(e); await x.finish(); },
    async (x, s) => { const all = s.events([{ text: 'late' }]); await x.head(200, SSE); await x.piece(all.slice(0, 3).join('')); await pause(); for (const e of all.slice(3)) await x.piece(e); await x.finish(); },
  ].map(async (script) => {
    const model = `${name}-${++count}`;
    provider.on(model, script);
    const conn = await Conn.open(proxy.port);
    const times = [performance.now()];
    conn.socket.on('data', () => times.push(performance.now()));
    await conn.request('POST', '/v1/messages', { headers: headers_for(session_id()), body: ask_body('hi', { model }) });
    await conn.head('POST', 60000);
    const answer = await conn.finish(60000);
    assert.equal(answer.status, 200);
    assert.ok(answer.text.match(/event: ping/g)?.length >= 1, answer.text);
    assert.match(answer.text, /event: message_stop/);
    for (let i = 1; i < times.length; i += 1) assert.ok(times[i] - times[i - 1] < 15000, `${model}: ${times[i] - times[i - 1]} ms of silence`);
  })));
});

/* --- clients that leave, and clients that read slowly --- */

/* covers: S81 */
each('a client that leaves in mid-answer', async (name, is_stream, s) => {
  const t = setup(name, async (x) => {
    await x.head(200, SSE);
    await x.piece(s.events(PARTS).slice(0, 4).join(''));
    await x.closed();
  });
  const conn = await Conn.open(proxy.port);
  await conn.request('POST', '/v1/messages', { headers: headers_for(t.session), body: ask_body('hi', { model: t.model, stream: is_stream, tools: TOOLS }) });
  const { x } = await until(() => t.asked()[0], 'the provider to be asked');
  if (is_stream) await conn.head();
  conn.destroy();
  await x.closed();
  assert.equal((await t.row()).state, 'client_disconnected');
});

/* covers: S82 */
test('a client that reads nothing holds the provider up, and not our memory', { skip }, async () => {
  const piece = 'x'.repeat(64 * 1024), pieces = 3000;
  await Promise.all(LANGUAGES.map(async ({ name }) => {
    const events = speakers[name].events([{ text: 'ab' }]);
    const at = events.findIndex((e) => /"(content|delta|text)":"a"/.test(e));
    const long = events[at].replace('"a"', JSON.stringify(piece));
    let sent = 0;
    const t = setup(name, async (x) => {
      await x.head(200, SSE);
      for (const e of events.slice(0, at)) await x.piece(e);
      for (; sent < pieces; sent += 1) await x.piece(long);
      for (const e of events.slice(at + 1)) await x.piece(e);
      await x.finish();
    });
    const before_bytes = proxy.rss();
    const conn = await Conn.open(proxy.port);
    conn.pause();
    await conn.request('POST', '/v1/messages', { headers: headers_for(t.session), body: ask_body('hi', { model: t.model }) });
    let last = -1;
    while (last !== sent || sent === 0) { /* until it stands still */
      last = sent;
      await new Promise((resolve) => { setTimeout(resolve, 500); });
    }
    assert.ok(sent < pieces / 2, `${sent} of ${pieces} pieces were taken`);
    assert.ok(proxy.rss() - before_bytes < 96 << 20, `${(proxy.rss() - before_bytes) >> 20} MB more`);
    conn.resume();
    await conn.head('POST', 60000);
    const answer = await conn.finish(60000);
    assert.ok(answer.is_clean && answer.body.length > pieces * piece.length, `${name}: ${answer.body.length} bytes, ${answer.text.slice(-500)}`);
    assert.match(answer.text.slice(-400), /event: message_stop/);
  }));
});
