/*
 * record.test.mjs: what is remembered of an exchange: rows, bodies byte for byte, the stream's
 * timeline, the assembled message, merged tokens, whatever way the answer came.
 */
import { test } from 'node:test';
import assert from 'node:assert/strict';
import zlib from 'node:zlib';
import { randomBytes } from 'node:crypto';
import { Conn, ask } from '../lib/client.mjs';
import { ask_body, block_events, error_body, event, headers_for, session_id, start_event, stream_events, text_stream } from '../lib/messages.mjs';
import { same_bytes, with_proxy } from '../lib/suite.mjs';
import { Signal, until } from '../lib/wait.mjs';

const t = with_proxy();

/* One request with an answer of `script`; gives its row, its ledger line and what the client got. */
async function run(script, { body = ask_body(), headers = [], target = '/v1/messages?beta=true', method = 'POST' } = {}) {
  const session = session_id();
  t.up.on(session, async (x) => {
    await x.received();
    await script(x);
  });
  const got = await ask(t.proxy.port, method, target, { headers: headers_for(session, headers), body });
  const row = await t.proxy.row(session);
  return { session, got, row, x: t.up.seen(session)[0] };
}

async function check_bodies({ row, x, got }) {
  same_bytes(await t.proxy.body(row.id, 'request'), x.body, 'request: stored and received upstream');
  const stored = await t.proxy.body(row.id, 'response');
  same_bytes(stored, x.sent_body, 'response: stored and sent by upstream');
  same_bytes(stored, got.body, 'response: stored and received by the client');
}

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;

test('a streamed turn: the whole row', async () => {
  const body = ask_body('What is new?', {
    tools: [{ name: 'Bash', input_schema: { type: 'object' } }, { name: 'Agent', input_schema: { type: 'object' } }],
    messages: [{ role: 'user', content: 'first' }, { role: 'assistant', content: 'yes' }, { role: 'user', content: 'What is new?' }],
    max_tokens: 32000,
  });
  const from = Date.now();
  const r = await run((x) => x.events(text_stream('nothing at all', { model: 'claude-test-1-20990101' }), [['request-id', 'req_abc']]),
    { body, headers: [['x-claude-code-agent-id', 'agent-7'], ['x-claude-code-parent-agent-id', 'agent-3'], ['anthropic-beta', 'x-1,y-2']] });
  const { row } = r;
  assert.match(row.id, UUID);
  assert.match(row.started_at, TIME);
  assert.ok(Math.abs(Date.parse(row.started_at) - from) < 5000);
  const want = {
    state: 'complete', status: 200, stream: true, method: 'POST', path: '/v1/messages', query: 'beta=true',
    provider: 'anthropic', model: 'claude-test-1', response_model: 'claude-test-1-20990101',
    session_id: r.session, agent_id: 'agent-7', parent_agent_id: 'agent-3',
    client: 'claude-cli/2.1.329 (external, sdk-cli)', upstream_request_id: 'req_abc', stop_reason: 'end_turn',
    error: null, request_bytes: Buffer.byteLength(body), response_bytes: r.x.sent_body.length,
    client_bytes: r.x.sent_body.length, message_count: 3, tool_count: 2, tool_use_count: 0, max_tokens: 32000,
  };
  for (const [key, value] of Object.entries(want)) assert.deepEqual(row[key], value, key);
  assert.deepEqual(row.usage, {
    input_tokens: 12, output_tokens: 25, cache_read_input_tokens: 4000, cache_creation_input_tokens: 300,
    cache_creation_5m_tokens: 100, cache_creation_1h_tokens: 200, web_search_requests: null,
  });
  assert.ok(row.ttfb_ms > 0 && row.ttfb_ms <= row.duration_ms, 'ttfb');
  assert.ok(row.first_token_ms >= row.ttfb_ms && row.first_token_ms <= row.duration_ms, 'first token');
  assert.ok(row.duration_ms < 5000);
  assert.ok(row.chunk_count >= 1);
  assert.match(row.client_addr, /^127\.0\.0\.1:\d+$/);
  assert.match(row.title, /What is new\?/);
  await check_bodies(r);
});

test('the detail: heads as they were, first lines, hashes', async () => {
  const r = await run((x) => x.respond(200, [['Content-Type', 'application/json'], ['X-Odd', 'a  b']], '{}', { reason: 'Very Good' }));
  const detail = await t.proxy.api(`/api/requests/${r.row.id}`);
  assert.equal(detail.request_line, 'POST /v1/messages?beta=true HTTP/1.1');
  assert.equal(detail.status_line, 'HTTP/1.1 200 Very Good');
  const sent = headers_for(r.session).map(([n]) => n);
  assert.deepEqual(detail.request_headers.map(([n]) => n), ['Host', ...sent, 'Content-Length']);
  assert.ok(detail.response_headers.some(([n, v]) => n === 'X-Odd' && v === 'a  b'));
  assert.equal(detail.upstream_addr, `127.0.0.1:${t.up.port}`);
  assert.match(detail.request_hash, /^[0-9a-f]{32}$/);
  assert.match(detail.response_hash, /^[0-9a-f]{32}$/);
  assert.ok(detail.sent_ms >= 0);
});

test('a plain JSON answer', async () => {
  const message = { id: 'msg_json', type: 'message', role: 'assistant', model: 'claude-test-2', stop_reason: 'max_tokens', stop_sequence: null,
    content: [{ type: 'text', text: 'whole' }, { type: 'tool_use', id: 'toolu_1', name: 'Bash', input: { command: 'ls' } }],
    usage: { input_tokens: 7, output_tokens: 3, cache_read_input_tokens: 0, cache_creation_input_tokens: 0 } };
  const r = await run((x) => x.json(200, message));
  assert.equal(r.row.stream, false);
  assert.equal(r.row.stop_reason, 'max_tokens');
  assert.equal(r.row.usage.input_tokens, 7);
  assert.equal(r.row.usage.cache_read_input_tokens, 0);
  assert.equal(r.row.tool_use_count, 1);
  assert.equal(r.row.first_token_ms, null);
  await check_bodies(r);
  const got = await t.proxy.message(r.row.id);
  assert.equal(got.complete, true);
  assert.deepEqual(got.message.content, message.content);
});

const BLOCKS = [
  { type: 'thinking', thinking: 'First I think.\nThen "quote" — ünïcödé \u{1f600}.', signature: 'c2lnbmF0dXJl' },
  { type: 'text', text: 'Here is the answer: \u00e9\u4e2d\u{1f680}\n```js\nlet a = "b";\n```' },
  { type: 'tool_use', id: 'toolu_01', name: 'Bash', input: { command: 'echo "hi" && ls -la', timeout: 5, deep: { list: [1, null, true] } } },
  { type: 'tool_use', id: 'toolu_02', name: 'Empty', input: {} },
  { type: 'server_tool_use', id: 'srvtoolu_01', name: 'web_search', input: { query: 'x' } },
  { type: 'web_search_tool_result', tool_use_id: 'srvtoolu_01', content: [{ type: 'web_search_result', url: 'https://e.test/', title: 'T' }] },
  { type: 'redacted_thinking', data: 'b3BhcXVl' },
];

async function check_message(row) {
  const { message, complete, events } = await t.proxy.message(row.id);
  assert.equal(complete, true);
  assert.equal(message.role, 'assistant');
  assert.equal(message.stop_reason, 'tool_use');
  assert.deepEqual(message.content, BLOCKS);
  assert.equal(message.usage.output_tokens, 25);
  assert.equal(message.usage.cache_read_input_tokens, 4000);
  assert.equal(events.message_start, 1);
  assert.equal(events.ping, 1);
  assert.equal(row.tool_use_count, 2);
  assert.equal(row.stop_reason, 'tool_use');
  assert.equal(row.usage.output_tokens, 25);
}

test('the assembled message of a stream with every kind of block', async () => {
  const r = await run((x) => x.events(stream_events(BLOCKS)));
  await check_message(r.row);
  await check_bodies(r);
});

const CODINGS = [['gzip', zlib.gzipSync], ['br', zlib.brotliCompressSync], ['deflate', zlib.deflateSync], ['zstd', zlib.zstdCompressSync]];
for (const [name, code] of CODINGS) {
  test(`the assembled message of a ${name} stream; the body stays compressed`, { skip: !code && 'this node has no zstd' }, async () => {
    const plain = stream_events(BLOCKS).join('');
    const coded = code(Buffer.from(plain));
    const r = await run(async (x) => {
      await x.head(200, [['Content-Type', 'text/event-stream'], ['Content-Encoding', name], ['Transfer-Encoding', 'chunked']]);
      for (let at = 0; at < coded.length; at += 100) await x.piece(coded.subarray(at, at + 100));
      await x.finish();
    });
    await check_message(r.row);
    await check_bodies(r);
    const decoded = await t.proxy.get(`/api/requests/${r.row.id}/response/body?decoded=1`);
    same_bytes(decoded.body, plain, 'decoded');
    assert.match(decoded.headers['content-type'], /^text\/plain/);
  });

  test(`a ${name} stream that is cut in its coding is kept and flagged`, { skip: !code && 'this node has no zstd' }, async () => {
    const coded = code(Buffer.from(stream_events(BLOCKS).join('') + randomBytes(3000).toString('hex')));
    const r = await run((x) => x.respond(200, [['Content-Type', 'text/event-stream'], ['Content-Encoding', name]], coded.subarray(0, coded.length >> 1)));
    assert.ok(r.row.flags.includes('decode_partial'), JSON.stringify(r.row.flags));
    await check_bodies(r);
  });

  test(`a body that says ${name} and is not`, { skip: !code && 'this node has no zstd' }, async () => {
    const r = await run((x) => x.respond(200, [['Content-Type', 'text/event-stream'], ['Content-Encoding', name]], 'data: plain text\n\n'));
    await check_bodies(r);
    assert.equal(r.row.status, 200);
  });
}

test('a stream that is split at every byte gives the same record', async () => {
  const text = stream_events(BLOCKS).join('');
  const r = await run((x) => x.events([...Buffer.from(text)].map((b) => Buffer.from([b]))));
  await check_message(r.row);
  await check_bodies(r);
});

for (const [name, newline] of [['CRLF', '\r\n'], ['CR', '\r']]) {
  test(`a stream with ${name} line ends`, async () => {
    const r = await run((x) => x.events(stream_events(BLOCKS).map((e) => e.replaceAll('\n', newline))));
    await check_message(r.row);
    await check_bodies(r);
  });
}

test('citations, unknown blocks, unknown events and unknown deltas are kept', async () => {
  const citation = { type: 'web_search_result_location', url: 'https://e.test/', cited_text: 'c' };
  const events = [
    start_event(),
    event('content_block_start', { index: 0, content_block: { type: 'text', text: '' } }),
    event('content_block_delta', { index: 0, delta: { type: 'text_delta', text: 'cited' } }),
    event('content_block_delta', { index: 0, delta: { type: 'citations_delta', citation } }),
    event('content_block_delta', { index: 0, delta: { type: 'from_the_future_delta', x: 1 } }),
    event('content_block_stop', { index: 0 }),
    event('from_the_future', { y: 2 }),
    ...block_events(1, { type: 'hologram', beam: { up: true } }),
    event('message_delta', { delta: { stop_reason: 'end_turn' }, usage: { output_tokens: 2 } }),
    event('message_stop'),
  ];
  const r = await run((x) => x.events(events));
  const { message } = await t.proxy.message(r.row.id);
  assert.equal(message.content[0].text, 'cited');
  assert.deepEqual(message.content[0].citations, [citation]);
  assert.deepEqual(message.content[1], { type: 'hologram', beam: { up: true } });
  assert.equal(r.row.state, 'complete');
  await check_bodies(r);
});

test('usage: message_delta overrides message_start where it says something', async () => {
  const r = await run((x) => x.events([
    start_event({ usage: { input_tokens: 3, cache_read_input_tokens: 10, cache_creation_input_tokens: 20, output_tokens: 1 } }),
    event('message_delta', { delta: { stop_reason: 'end_turn' }, usage: { input_tokens: 5, output_tokens: 9, cache_read_input_tokens: 11, server_tool_use: { web_search_requests: 2 } } }),
    event('message_stop'),
  ]));
  const { usage } = r.row;
  assert.equal(usage.input_tokens, 5);
  assert.equal(usage.output_tokens, 9);
  assert.equal(usage.cache_read_input_tokens, 11);
  assert.equal(usage.cache_creation_input_tokens, 20);
  assert.equal(usage.cache_creation_5m_tokens, null);
  assert.equal(usage.web_search_requests, 2);
});

test('odd usage is never a negative or invented number', async () => {
  for (const usage of [{ input_tokens: -5, output_tokens: 'x' }, { input_tokens: 18446744073709551616, output_tokens: null }, {}, null, 'no', []]) {
    const r = await run((x) => x.events([start_event({ usage }), event('message_stop')]));
    for (const [key, value] of Object.entries(r.row.usage)) assert.ok(value === null || value >= 0, `${key} = ${value} from ${JSON.stringify(usage)}`);
    await check_bodies(r);
  }
});

test('the timeline has every chunk, in order, with all bytes', async () => {
  const events = text_stream('a b c d e f g h');
  const session = session_id();
  const seen = new Signal();
  let size = 0;
  t.up.on(session, async (x) => {
    await x.received();
    await x.head(200, [['Content-Type', 'text/event-stream'], ['Transfer-Encoding', 'chunked']]);
    let sent = 0;
    for (const e of events) {
      await x.piece(e);
      sent += e.length;
      const want = sent;
      await seen.when(() => size >= want, 'the client to follow');
    }
    await x.finish();
  });
  const conn = await Conn.open(t.proxy.port);
  await conn.request('POST', '/v1/messages', { headers: headers_for(session), body: ask_body() });
  const answer = await conn.head('POST');
  size = answer.reader.size;
  seen.fire();
  answer.reader.on_piece = () => { size = answer.reader.size; seen.fire(); };
  await conn.finish();
  conn.destroy();
  const row = await t.proxy.row(session);
  const line = await t.proxy.timeline(row.id);
  assert.deepEqual(line.chunks.map(([, bytes]) => bytes), events.map((e) => Buffer.byteLength(e)));
  assert.equal(row.chunk_count, events.length);
  let last = line.ttfb_us;
  for (const [at] of line.chunks) {
    assert.ok(at >= last, 'times ascend');
    last = at;
  }
  assert.ok(line.duration_us >= last);
  assert.ok(line.first_token_us >= line.chunks[0][0]);
  assert.ok(Math.abs(line.duration_us / 1000 - row.duration_ms) < 1);
});

const ODD_BODIES = {
  'not JSON': 'this is not json',
  empty: '',
  null: 'null',
  'an array': '[]',
  'a string': '"x"',
  'an empty object': '{}',
  'cut JSON': '{"model":"claude-test-1","messages":[{"ro',
  'JSON and more': '{"model":"a"} trailing',
  'two documents': '{"model":"a"}{"model":"b"}',
  'a byte order mark': '\ufeff{"model":"a"}',
  comments: '{"model":"a"/* c */}',
  NaN: '{"model":NaN}',
  'a huge number': '{"model":"a","max_tokens":1e999999}',
  'a numeric model': '{"model":5}',
  'an object for a model': '{"model":{"a":1}}',
  'a script for a model': '{"model":"<script>alert(1)</script>"}',
  'SQL for a model': `{"model":"'; DROP TABLE requests; --"}`,
  'a path for a model': '{"model":"../../etc/passwd"}',
  'NUL escapes': '{"model":"a\\u0000b","messages":[{"role":"user","content":"x\\u0000y"}]}',
  'lone surrogates': '{"model":"\\ud800","messages":[{"role":"user","content":"\\udfff"}]}',
  'negative max_tokens': '{"model":"a","max_tokens":-1}',
  'max_tokens as text': '{"model":"a","max_tokens":"5"}',
  'api_base inside': '{"model":"a","api_base":"http://127.0.0.1:1/","metadata":{"base_url":"http://127.0.0.1:1/"}}',
  'long user_id': JSON.stringify({ model: 'a', metadata: { user_id: 'u'.repeat(1 << 20) } }),
  'user_id with newlines': JSON.stringify({ model: 'a', metadata: { user_id: 'a\nb\r\nX: y' } }),
  'JSON inside user_id': JSON.stringify({ model: 'a', metadata: { user_id: JSON.stringify({ device_id: 'd', session_id: 's' }) } }),
  'a model of 1 MB': JSON.stringify({ model: 'm'.repeat(1 << 20) }),
  'nested arrays': '['.repeat(100000),
  'nested objects': '{"a":'.repeat(100000),
  'nested and closed': `${'['.repeat(100000)}${']'.repeat(100000)}`,
  'many elements': `[${'0,'.repeat(500000)}0]`,
  'many keys': `{${Array.from({ length: 100000 }, (_, i) => `"k${i}":1`).join(',')}}`,
};

for (const [name, text] of Object.entries(ODD_BODIES)) {
  test(`a request body that is ${name}`, async () => {
    const r = await run((x) => x.json(400, error_body('invalid_request_error', 'no')), { body: Buffer.from(text) });
    assert.equal(r.got.status, 400);
    assert.equal(r.row.state, 'upstream_error');
    assert.deepEqual(r.row.error, { type: 'invalid_request_error', message: 'no' });
    same_bytes(r.x.body, Buffer.from(text), 'body at the upstream');
    await check_bodies(r);
    assert.ok(JSON.stringify(r.row).length < 4096, 'a row stays small');
  });
}

test('a body of bytes that are not UTF-8', async () => {
  const body = Buffer.concat([Buffer.from('{"model":"a\xff\xfe","messages":[{"role":"user","content":"', 'latin1'), randomBytes(500), Buffer.from('"}]}')]);
  const r = await run((x) => x.respond(200, [['Content-Type', 'text/event-stream']], randomBytes(2000)), { body });
  await check_bodies(r);
});

test('flags: invalid, too deep, duplicate keys', async () => {
  const ok = (x) => x.json(200, {});
  assert.ok((await run(ok, { body: 'no json' })).row.flags.includes('request_invalid'));
  assert.ok((await run(ok, { body: `{"model":"a","x":${'['.repeat(5000)}${']'.repeat(5000)}}` })).row.flags.includes('request_too_deep'));
  const twice = await run(ok, { body: '{"model":"first","model":"last","messages":[]}' });
  assert.ok(twice.row.flags.includes('duplicate_keys'));
  assert.equal(twice.row.model, 'last');
  const plain = await run(ok, { body: ask_body() });
  for (const flag of ['request_invalid', 'request_too_deep', 'duplicate_keys']) assert.ok(!plain.row.flags.includes(flag), flag);
});

const ok_stream = (x) => x.events(text_stream('fine'));
for (const [name, code] of CODINGS) {
  test(`a ${name} request is read as the provider reads it, and kept as it came`, { skip: !code && 'this node has no zstd' }, async () => {
    const text = ask_body('What is packed?', { max_tokens: 77, tools: [{ name: 'Bash', input_schema: { type: 'object' } }] });
    const r = await run(ok_stream, { body: code(Buffer.from(text)), headers: [['Content-Encoding', name]] });
    const { row } = r;
    assert.deepEqual([row.model, row.title, row.message_count, row.tool_count, row.max_tokens], ['claude-test-1', 'What is packed?', 1, 1, 77]);
    assert.ok(!row.flags.includes('request_invalid'));
    assert.equal(row.class, 'main');
    assert.equal(row.request_bytes, r.x.body.length);
    await check_bodies(r);
    assert.equal((await t.proxy.get(`/api/requests/${row.id}/request/body?decoded=1`)).body.toString(), text);
  });
}

test('an encoded request that cannot be read whole is said to be invalid', async () => {
  const coded = zlib.gzipSync(Buffer.from(ask_body('cut')));
  const bomb = zlib.gzipSync(Buffer.from(`{"model":"claude-test-1","messages":[${' '.repeat(8 << 20)}]}`));
  for (const [body, coding] of [[coded.subarray(0, -20), 'gzip'], [coded, 'odd'], [ask_body('not at all'), 'gzip'], [bomb, 'gzip']]) {
    const r = await run(ok_stream, { body, headers: [['Content-Encoding', coding]] });
    const is_json = typeof body === 'string'; // what it is not decoded to, it may still be
    assert.equal(r.row.flags.includes('request_invalid'), !is_json, coding);
    assert.equal(r.row.model, is_json ? 'claude-test-1' : null);
    await check_bodies(r);
  }
});

const ODD_STREAMS = {
  'indexes out of range': [event('content_block_delta', { index: -1, delta: { type: 'text_delta', text: 'x' } }),
    event('content_block_start', { index: 2147483648, content_block: { type: 'text', text: '' } }),
    event('content_block_delta', { index: 1000000000, delta: { type: 'text_delta', text: 'x' } })],
  'a delta that was never started': [start_event(), event('content_block_delta', { index: 0, delta: { type: 'text_delta', text: 'x' } }), event('message_stop')],
  'a delta after stop': [start_event(), ...block_events(0, { type: 'text', text: 'x' }), event('content_block_delta', { index: 0, delta: { type: 'text_delta', text: 'y' } }), event('message_stop')],
  'two starts': [start_event(), start_event(), event('message_stop')],
  'no stop': [start_event(), ...block_events(0, { type: 'text', text: 'x' })],
  'partial JSON never closed': [start_event(), event('content_block_start', { index: 0, content_block: { type: 'tool_use', id: 't', name: 'B', input: {} } }),
    event('content_block_delta', { index: 0, delta: { type: 'input_json_delta', partial_json: '{"a": "unclosed' } }),
    event('content_block_stop', { index: 0 }), event('message_stop')],
  'data that is not JSON': ['event: message_start\ndata: {no\n\n', 'data: \n\n', 'data: [DONE]\n\n'],
  'a missing type': ['data: {"index":0}\n\n', 'event: content_block_delta\ndata: {}\n\n'],
  'an event name unlike its type': [`event: ping\n${start_event().split('\n')[1]}\n\n`, event('message_stop')],
  'one byte': ['x'],
  nothing: [],
};

for (const [name, events] of Object.entries(ODD_STREAMS)) {
  test(`a stream with ${name} is relayed and kept`, async () => {
    const r = await run((x) => x.events(events));
    assert.ok(r.got.is_clean);
    await check_bodies(r);
    await t.proxy.message(r.row.id);
    await t.proxy.timeline(r.row.id);
  });
}

test('a stream labelled as JSON, and JSON labelled as a stream, are relayed and kept', async () => {
  await check_bodies(await run((x) => x.respond(200, [['Content-Type', 'application/json']], text_stream('x').join(''))));
  await check_bodies(await run((x) => x.respond(200, [['Content-Type', 'text/event-stream']], '{"id":"x"}')));
  await check_bodies(await run((x) => x.respond(200, [], text_stream('x').join(''))));
});

test('an error body tells the row its type and message', async () => {
  for (const [status, type, message] of [[400, 'invalid_request_error', 'prompt is too long: 210000 tokens > 200000 maximum'],
    [429, 'rate_limit_error', 'slow down'], [529, 'overloaded_error', 'Overloaded']]) {
    const r = await run((x) => x.json(status, error_body(type, message)));
    assert.equal(r.row.state, 'upstream_error');
    assert.equal(r.row.status, status);
    assert.deepEqual(r.row.error, { type, message });
    await check_bodies(r);
  }
  const html = await run((x) => x.respond(502, [['Content-Type', 'text/html']], '<html>Bad gateway</html>'));
  assert.equal(html.row.state, 'upstream_error');
  await check_bodies(html);
});

test('big bodies come back whole', { timeout: 60000 }, async () => {
  const body = ask_body('x', { messages: Array.from({ length: 2000 }, (_, i) => ({ role: i % 2 ? 'assistant' : 'user', content: `${i} ${randomBytes(1500).toString('base64')}` })) });
  const answer = stream_events([{ type: 'text', text: randomBytes(1 << 20).toString('base64') }]);
  const r = await run((x) => x.events(answer), { body });
  assert.equal(r.row.message_count, 2000);
  await check_bodies(r);
});

test('a conversation that grows by a turn: every request comes back byte for byte', { timeout: 60000 }, async () => {
  const messages = [];
  const tools = Array.from({ length: 12 }, (_, i) => ({ name: `Tool${i}`, description: 'd'.repeat(800), input_schema: { type: 'object' } }));
  const turns = [];
  const session = session_id();
  t.up.on(session, async (x) => {
    await x.received();
    await x.events(text_stream('ok'));
  });
  for (let turn = 0; turn < 25; turn += 1) {
    messages.push({ role: 'user', content: [{ type: 'text', text: `turn ${turn} ${randomBytes(300).toString('hex')}`, cache_control: { type: 'ephemeral' } }] });
    const body = ask_body('', { system: [{ type: 'text', text: 's'.repeat(5000) }], tools, messages });
    await ask(t.proxy.port, 'POST', '/v1/messages', { headers: headers_for(session), body });
    turns.push(body);
    delete messages.at(-1).content[0].cache_control;
    messages.push({ role: 'assistant', content: `answer ${turn}` });
  }
  const rows = await until(async () => {
    const found = await t.proxy.rows(`session=${session}`);
    return found.length === turns.length && found.every((r) => r.state === 'complete') && found;
  }, 'all turns recorded');
  rows.reverse();
  for (const [i, row] of rows.entries()) same_bytes(await t.proxy.body(row.id, 'request'), turns[i], `turn ${i}`);
});

test('requests other than messages have rows too', async () => {
  for (const [method, target, body] of [['GET', '/v1/models?limit=1000'], ['HEAD', '/api/hello'], ['POST', '/v1/messages/count_tokens', '{"model":"claude-test-1"}'],
    ['DELETE', '/v1/files/f_1']]) {
    const r = await run((x) => x.respond(200, [], method === 'HEAD' ? '' : '{"input_tokens":3}'), { method, target, body });
    assert.equal(r.row.method, method);
    assert.equal(r.row.path, target.split('?')[0]);
    assert.equal(r.row.state, 'complete');
    assert.equal(r.row.status, 200);
    await check_bodies(r);
  }
});

test('a running request is listed, ticks and then ends', async () => {
  const session = session_id();
  const go = new Signal();
  let is_seen = false;
  t.up.on(session, async (x) => {
    await x.received();
    const events = text_stream('slow');
    await x.head(200, [['Content-Type', 'text/event-stream'], ['Transfer-Encoding', 'chunked']]);
    await x.piece(events[0]);
    await go.when(() => is_seen, 'the running row');
    for (const e of events.slice(1)) await x.piece(e);
    await x.finish();
  });
  const asked = ask(t.proxy.port, 'POST', '/v1/messages', { headers: headers_for(session), body: ask_body() });
  const running = await until(async () => (await t.proxy.rows(`session=${session}`)).find((r) => r.state === 'running' && r.response_bytes > 0), 'a running row with bytes');
  assert.equal(running.duration_ms, null);
  assert.equal(running.status, 200);
  assert.deepEqual((await t.proxy.rows('state=running')).filter((r) => r.session_id === session).length, 1);
  is_seen = true;
  go.fire();
  await asked;
  const row = await t.proxy.row(session);
  assert.equal(row.id, running.id);
  assert.equal(row.state, 'complete');
});

test('/api/stream tells of a request\'s start and end', async () => {
  const conn = await Conn.open(t.proxy.port);
  await conn.request('GET', '/api/stream');
  const answer = await conn.head();
  assert.equal(answer.status, 200);
  assert.match(answer.header('content-type'), /^text\/event-stream/);
  const session = session_id();
  t.up.on(session, (x) => x.events(text_stream('live')));
  await ask(t.proxy.port, 'POST', '/v1/messages', { headers: headers_for(session), body: ask_body() });
  const events = await until(() => {
    const found = answer.reader.body.toString().split('\n\n').filter((e) => e.includes(session)).map((e) => ({
      event: /^event: (.*)$/m.exec(e)?.[1], id: /^id: (.*)$/m.exec(e)?.[1], data: JSON.parse(/^data: (.*)$/m.exec(e)[1]),
    }));
    return found.some((e) => e.event === 'request.ended') && found;
  }, 'request.ended');
  assert.equal(events[0].event, 'request.started');
  assert.equal(events[0].data.state, 'running');
  assert.equal(events.at(-1).event, 'request.ended');
  assert.equal(events.at(-1).data.state, 'complete');
  for (const e of events) assert.ok(e.id, 'every event has an id');
  conn.destroy();
});

test('filters and pages', async () => {
  const session = session_id();
  const models = ['page-a', 'page-b'];
  t.up.on(session, async (x) => {
    const body = JSON.parse(await x.received());
    await x.json(body.max_tokens % 3 ? 200 : 429, {});
  });
  const from = new Date().toISOString();
  for (let i = 0; i < 12; i += 1)
    await ask(t.proxy.port, 'POST', '/v1/messages', { headers: headers_for(session, i % 4 ? [] : [['x-claude-code-agent-id', 'ag']]), body: ask_body('p', { model: models[i % 2], max_tokens: i }) });
  await until(async () => (await t.proxy.rows(`session=${session}`)).filter((r) => r.state !== 'running').length === 12, '12 rows');
  const count = async (q) => (await t.proxy.rows(`session=${session}&${q}`)).length;
  assert.equal(await count('model=page-a'), 6);
  assert.equal(await count('status=429'), 4);
  assert.equal(await count('status=4xx'), 4);
  assert.equal(await count('status=2xx'), 8);
  assert.equal(await count('state=upstream_error'), 4);
  assert.equal(await count('agent=ag'), 3);
  assert.equal(await count('agent=main'), 9);
  assert.equal(await count('q=PAGE-B'), 6);
  assert.equal(await count(`start=${from}`), 12);
  assert.equal(await count(`end=${from}`), 0);
  const seen = [];
  let cursor = '';
  let pages = 0;
  do {
    const page = await t.proxy.api(`/api/requests?session=${session}&limit=5${cursor}`);
    assert.equal(page.total, 12);
    assert.ok(page.requests.length <= 5);
    seen.push(...page.requests.map((r) => r.id));
    cursor = page.next_cursor ? `&cursor=${encodeURIComponent(page.next_cursor)}` : '';
    pages += 1;
  } while (cursor);
  assert.equal(pages, 3);
  assert.equal(new Set(seen).size, 12);
  assert.deepEqual(seen, [...seen].sort().reverse(), 'newest first');
});

test('bad parameters are refused', async () => {
  for (const q of ['limit=-1', 'limit=0', 'limit=abc', 'limit=1e9', 'limit=501', 'limit=9223372036854775808', 'limit=', 'limit=1&limit=2',
    'cursor=junk', 'start=tomorrow', 'end=-1', 'start=99999-01-01T00:00:00Z', 'state=finished', 'status=abc', 'status=9xx', 'nothing=1', 'sort=id;DROP']) {
    const res = await t.proxy.get(`/api/requests?${q}`);
    assert.equal(res.status, 400, q);
    const { error } = JSON.parse(res.body);
    assert.equal(error.code, 'bad_param', q);
    assert.equal(error.field, q.split('=')[0], q);
  }
  for (const id of ['0', '-1', 'x', '../../etc/passwd', '%2e%2e', '00000000-0000-7000-8000-000000000000', 'A'.repeat(5000)]) {
    const res = await t.proxy.get(`/api/requests/${id}`);
    assert.ok([400, 404].includes(res.status), `${id.slice(0, 40)}: ${res.status}`);
  }
});

test('a search is literal', async () => {
  for (const q of ['%', '_', "'", '"', '*', 'NEAR(', 'a" OR "', '%00', '\\', 'x'.repeat(5000)]) {
    const res = await t.proxy.get(`/api/requests?q=${encodeURIComponent(q)}`);
    assert.ok([200, 400].includes(res.status), `${q}: ${res.status}`);
  }
});

test('sessions and stats', async () => {
  const session = session_id();
  t.up.on(session, (x) => x.events(text_stream('s')));
  for (let i = 0; i < 3; i += 1) {
    await ask(t.proxy.port, 'POST', '/v1/messages', { headers: headers_for(session), body: ask_body('stats please', { model: 'stats-model' }) });
  }
  await until(async () => (await t.proxy.rows(`session=${session}`)).filter((r) => r.state === 'complete').length === 3, '3 rows');
  const { sessions } = await t.proxy.api('/api/sessions?limit=500');
  const mine = sessions.find((s) => s.session_id === session);
  assert.equal(mine.request_count, 3);
  assert.equal(mine.error_count, 0);
  assert.equal(mine.usage.output_tokens, 75);
  assert.match(mine.title, /stats please/);
  const stats = await t.proxy.api('/api/stats');
  const model = stats.models.find((m) => m.key === 'stats-model');
  assert.equal(model.request_count, 3);
  assert.equal(model.usage.output_tokens, 75);
  assert.ok(stats.total.request_count >= 3);
  assert.equal(stats.recorder.lost_frames, 0);
  assert.equal(stats.recorder.damaged_frames, 0);
});
