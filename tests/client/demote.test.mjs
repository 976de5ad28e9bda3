/*
 * demote.test.mjs: what a client gets that asked for no stream, where the proxy asked for one, is what
 * the official SDK makes of that stream: over every stream in tests/golden, and some of our own.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { after, before, test } from 'node:test';
import assert from 'node:assert/strict';
import { event, session_id, stream_events, usage_start } from '../lib/messages.mjs';
import { Proxy } from '../lib/proxy.mjs';
import { Upstream } from '../lib/upstream.mjs';

const GOLDEN = path.join(path.dirname(fileURLToPath(import.meta.url)), '..', 'golden');
const sdk = await import('@anthropic-ai/sdk').catch(() => null);
const skip = !sdk && '@anthropic-ai/sdk is not installed: npm ci in tests/';

const recorded = readdirSync(GOLDEN)
  .flatMap((name) => ['client.sse', 'answer.sse'].map((file) => ({ name: `${name}/${file}`, file: path.join(GOLDEN, name, file) })))
  .filter((c) => existsSync(c.file))
  .map((c) => ({ ...c, body: readFileSync(c.file, 'utf8') }))
  .filter((c) => /^event: message_start/.test(c.body) && !c.body.includes('\uFFFD'));

const block = (index, content_block, deltas) => [
  event('content_block_start', { index, content_block }),
  ...deltas.map((delta) => event('content_block_delta', { index, delta })),
  event('content_block_stop', { index }),
];
const start = event('message_start', { message: { id: 'msg_1', type: 'message', role: 'assistant', model: 'm', content: [], stop_reason: null, stop_sequence: null, usage: usage_start } });
const end = (delta, more = {}) => [event('message_delta', { delta: { stop_reason: 'end_turn', stop_sequence: null, ...delta }, usage: { output_tokens: 99, input_tokens: null, server_tool_use: { web_search_requests: 2 } }, ...more }), event('message_stop')];
const citation = (n) => ({ type: 'citations_delta', citation: { type: 'web_search_result_location', url: `https://example.com/${n}`, title: 't', cited_text: 'ünï', encrypted_index: 'x' } });
const own = [
  ['everything at once', [start, event('ping'),
    ...block(0, { type: 'thinking', thinking: '', signature: '' }, [{ type: 'thinking_delta', thinking: 'I ' }, { type: 'thinking_delta', thinking: 'think' }, { type: 'signature_delta', signature: 'c2ln' }]),
    ...block(1, { type: 'redacted_thinking', data: 'xyz' }, []),
    ...block(2, { type: 'text', text: '' }, [{ type: 'text_delta', text: 'Hel' }, { type: 'text_delta', text: 'lo \u{1F600}' }]),
    ...block(3, { type: 'server_tool_use', id: 'srvtoolu_1', name: 'web_search', input: {} }, [{ type: 'input_json_delta', partial_json: '{"query":' }, { type: 'input_json_delta', partial_json: '"x"}' }]),
    ...block(4, { type: 'web_search_tool_result', tool_use_id: 'srvtoolu_1', content: [{ type: 'web_search_result', url: 'https://example.com', title: 'T', encrypted_content: 'e', page_age: null }] }, []),
    ...block(5, { type: 'text', text: '', citations: [] }, [citation(1), { type: 'text_delta', text: 'cited' }, citation(2)]),
    ...block(6, { type: 'tool_use', id: 'toolu_1', name: 'get', input: {} }, ['', '{"a":', ' [1, 2.50, 1e3], "b": {"c": "d\\u00e9"}', '}'].map((partial_json) => ({ type: 'input_json_delta', partial_json }))),
    ...block(7, { type: 'tool_use', id: 'toolu_2', name: 'none', input: {} }, [{ type: 'input_json_delta', partial_json: '' }]),
    ...end({ stop_reason: 'tool_use' })]],
  ['nothing', [start, ...end({ stop_reason: 'stop_sequence', stop_sequence: 'STOP' })]],
  ['a long text', stream_events([{ type: 'text', text: 'word '.repeat(40000) }], { parts: 500 })],
].map(([name, events]) => ({ name, body: events.join('') }));
const beta = { name: 'container and context management', body: [start, ...block(0, { type: 'text', text: '' }, [{ type: 'text_delta', text: 'x' }]),
  ...end({ container: { id: 'c1', expires_at: '2026-11-21T00:00:00Z' } }, { context_management: { applied_edits: [{ type: 'clear_tool_uses_20250919', cleared_tool_uses: 3 }] } })].join('') };

let up, p;
before(async () => {
  if (skip) return;
  up = await Upstream.start();
  p = await Proxy.start({ upstream: up, env: { ANTHROPIC_DEMOTE_NONSTREAMING: 'true' } });
});
after(async () => {
  if (skip) return;
  assert.deepEqual(await p.stop(), { code: 0, signal: null });
  await up.stop();
});

const ASK = { model: 'claude-test-1', max_tokens: 100, messages: [{ role: 'user', content: 'hi' }] };
const client = (session, options) => new sdk.default({ baseURL: p.url, apiKey: 'sk-ant-test-0', maxRetries: 0, timeout: 15000,
  defaultHeaders: { 'X-Claude-Code-Session-Id': session }, ...options });
const plain = (message) => JSON.parse(JSON.stringify(message, (key, value) => (key.startsWith('_') || key === 'parsed_output' || key === 'parsed' ? undefined : value)));

/* What the SDK's own stream makes of it. */
async function accumulated(body, messages = (c) => c.messages) {
  const c = client('x', { fetch: async () => new Response(body, { status: 200, headers: { 'content-type': 'text/event-stream' } }) });
  return plain(await messages(c).stream(ASK).finalMessage());
}

async function through_the_proxy(body, messages = (c) => c.messages) {
  const session = session_id();
  up.on(session, async (x) => {
    await x.received();
    assert.equal(JSON.parse(x.body).stream, true);
    await x.events([body]);
  });
  return plain(await messages(client(session)).create(ASK));
}

const data_of = (body) => body.split(/\r?\n/).filter((l) => l.startsWith('data: {')).map((l) => JSON.parse(l.slice(6)));

for (const c of [...recorded, ...own])
  test(`as the SDK puts it together: ${c.name}`, { skip }, async () => {
    const events = data_of(c.body);
    const error = events.find((e) => e.type === 'error');
    const is_whole = events.some((e) => e.type === 'message_stop');
    if (!is_whole) {
      await assert.rejects(through_the_proxy(c.body), (e) => e instanceof sdk.APIError
        && (error ? e.error.error.type === error.error.type && e.status >= 400 : e.status === 502));
      return;
    }
    const got = await through_the_proxy(c.body), want = await accumulated(c.body);
    /* Calls that the model could not finish: the SDK mends their input. */
    for (const [i, b] of got.content.entries())
      if (b.input_json !== undefined) {
        assert.equal(got.stop_reason, 'max_tokens');
        delete b.input_json;
        want.content[i].input = b.input;
      }
    /* What the SDK does not take over from the stream, it leaves out. */
    for (const key of Object.keys(got)) if (!(key in want)) delete got[key];
    for (const key of Object.keys(got.usage ?? {})) if (!(key in want.usage)) delete got.usage[key];
    assert.deepEqual(got, want);
  });

test('what is beside the content: container and context management', { skip }, async () => {
  const messages = (c) => c.beta.messages;
  const got = await through_the_proxy(beta.body, messages);
  assert.deepEqual(got, await accumulated(beta.body, messages));
  assert.equal(got.container.id, 'c1');
  assert.equal(got.context_management.applied_edits[0].cleared_tool_uses, 3);
});

test('there are streams enough to try', { skip }, () => assert.ok(recorded.length > 100, `${recorded.length}`));
