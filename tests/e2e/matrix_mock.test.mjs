/*
 * matrix_mock.test.mjs: the official Anthropic SDK through the proxy, and a third party's mock that
 * speaks Chat Completions, Responses and Gemini: everything that it can do, in each language,
 * streamed and whole on either side.
 */
import { after, before, test } from 'node:test';
import assert from 'node:assert/strict';
import { LANGUAGES, aimock, matrix_proxy, refusal, sdk, sdk_ask, sdk_client, tool_loop } from '../lib/matrix.mjs';
import { session_id } from '../lib/messages.mjs';
import { Upstream } from '../lib/upstream.mjs';
import { until } from '../lib/wait.mjs';

const skip = !(sdk && aimock) && '@anthropic-ai/sdk and @copilotkit/aimock are not installed: npm ci in tests/';
let mock, up, proxy;

const LONG = Array.from({ length: 4000 }, (_, i) => `w${i} `).join('');
const PARALLEL = [{ name: 'get_weather', arguments: '{"city":"Köln","days":2}' }, { name: 'get_time', arguments: '{"zone":"Europe/Berlin"}' }];
const TURNS = 25;

/* The mock sees all languages as Chat Completions: this is what it is asked, and what it says. */
function next_step(request) {
  const results = request.messages.filter((m) => m.role === 'tool');
  const calls = request.messages.flatMap((m) => m.tool_calls ?? []);
  const n = results.length;
  assert.equal(calls.length, n);
  if (n) assert.match(String(results.at(-1).content), new RegExp(`result of ${n - 1}\\b`));
  if (n === TURNS) return { content: `done after ${n}` };
  return { content: `step ${n}`, toolCalls: [{ name: 'step', arguments: JSON.stringify({ n, text: `é "${n}"` }) }], reasoning: `thought ${n}` };
}

if (!skip) {
  before(async () => {
    up = await Upstream.start();
    mock = new aimock.LLMock({ port: 0, chunkSize: 7 });
    mock.on({ userMessage: 'case text' }, { content: 'Hello, wörld! 😀' });
    mock.on({ userMessage: 'case long' }, { content: LONG }, { chunkSize: 5 });
    mock.on({ userMessage: 'case thinking' }, { content: 'So it is.', reasoning: 'First this, then that: ünïcödé.' });
    mock.on({ userMessage: 'case tool' }, { toolCalls: [PARALLEL[0]] });
    mock.on({ userMessage: 'case two tools' }, { content: 'I look.', toolCalls: PARALLEL });
    mock.on({ userMessage: 'case image' }, { content: 'A picture.' });
    mock.on({ userMessage: 'case length' }, { content: 'and then it', finishReason: 'length' });
    mock.on({ userMessage: 'case filter' }, { content: 'I', finishReason: 'content_filter' });
    mock.on({ userMessage: 'case loop' }, next_step);
    for (const status of [400, 401, 403, 404, 429, 500, 503])
      mock.on({ userMessage: `case status ${status}` }, { error: { message: `told ${status}`, type: 'some_error' }, status, retryAfter: 7 });
    mock.on({ userMessage: 'case overflow' }, { error: { message: "This model's maximum context length is 128000 tokens. However, your messages resulted in 150000 tokens.", type: 'invalid_request_error', code: 'context_length_exceeded' }, status: 400 });
    for (const n of [1, 2, 3, 5, 8]) mock.on({ userMessage: `case cut ${n}.` }, { content: 'I look.', toolCalls: PARALLEL, reasoning: 'hm' }, { truncateAfterChunks: n });
    mock.on({ userMessage: 'case garbage' }, { content: 'x' }, { chaos: { malformedRate: 1 } });
    mock.on({ userMessage: 'case hangup' }, { content: 'x' }, { chaos: { disconnectRate: 1 } });
    await mock.start();
    proxy = await matrix_proxy(mock.url, { up });
  });
  after(async () => {
    assert.deepEqual(await proxy.stop(), { code: 0, signal: null }, proxy.log.slice(-2000));
    await mock.stop();
    await up.stop();
  });
}

const user = (text) => [{ role: 'user', content: text }];
const TOOLS = ['get_weather', 'get_time', 'step'].map((name) => ({ name, description: `does ${name}`, input_schema: { type: 'object', properties: { city: { type: 'string' }, days: { type: 'integer' }, zone: { type: 'string' }, n: { type: 'integer' }, text: { type: 'string' } } } }));
const inputs = (m) => m.content.filter((b) => b.type === 'tool_use').map((b) => [b.name, b.input]);
const PIXEL = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==';

async function row_of(session, state) {
  const row = await proxy.row(session);
  assert.equal(row.state, state);
  return row;
}

/* Each case gets ask(request), which is streamed or not, and what it is for. */
const CASES = {
  async text(ask, { model, is_stream }) {
    const m = await ask({ messages: user('case text') });
    assert.deepEqual(m.content, [{ type: 'text', text: 'Hello, wörld! 😀' }]);
    assert.deepEqual([m.stop_reason, m.model, m.role], ['end_turn', model, 'assistant']);
    if (is_stream) assert.ok(m.events >= 6);
  },
  async 'a stream of thousands of chunks'(ask, { is_stream, is_whole }) {
    const m = await ask({ messages: user('case long') });
    assert.equal(m.content.map((b) => b.text).join(''), LONG);
    if (is_stream && !is_whole) assert.ok(m.events > 3000, `${m.events} events`);
  },
  async thinking(ask) {
    const m = await ask({ messages: user('case thinking'), max_tokens: 4000, thinking: { type: 'enabled', budget_tokens: 2000 } });
    assert.deepEqual(m.content.map((b) => b.type), ['thinking', 'text']);
    assert.equal(m.content[0].thinking, 'First this, then that: ünïcödé.');
    assert.equal(m.content[1].text, 'So it is.');
  },
  async 'a tool'(ask) {
    const m = await ask({ messages: user('case tool'), tools: TOOLS });
    assert.deepEqual(inputs(m), [['get_weather', { city: 'Köln', days: 2 }]]);
    assert.equal(m.stop_reason, 'tool_use');
  },
  async 'two tools side by side'(ask) {
    const m = await ask({ messages: user('case two tools'), tools: TOOLS });
    assert.deepEqual(inputs(m), PARALLEL.map((c) => [c.name, JSON.parse(c.arguments)]));
    assert.equal(new Set(m.content.filter((b) => b.id).map((b) => b.id)).size, 2);
    assert.equal(m.content[0].text, 'I look.');
  },
  async 'an image'(ask) {
    const m = await ask({ messages: [{ role: 'user', content: [{ type: 'image', source: { type: 'base64', media_type: 'image/png', data: PIXEL } }, { type: 'text', text: 'case image' }] }] });
    assert.equal(m.content[0].text, 'A picture.');
  },
  async 'an answer cut by its length'(ask) {
    const m = await ask({ messages: user('case length') });
    assert.deepEqual([m.stop_reason, m.content[0].text], ['max_tokens', 'and then it']);
  },
};

for (const { name } of LANGUAGES)
  for (const is_whole of [false, true])
    for (const is_stream of [true, false])
      for (const [what, run] of Object.entries(CASES))
        test(`${name}, ${is_whole ? 'whole' : 'streamed'}, ${is_stream ? 'streamed' : 'whole'} to the client: ${what}`, { skip }, async () => {
          const session = session_id();
          const model = `${name}${is_whole ? '_whole' : ''}-${what.replaceAll(' ', '')}`;
          await run((request) => sdk_ask(sdk_client(proxy, session), { model, ...request }, is_stream), { name, model, is_stream, is_whole });
          await row_of(session, 'complete');
        });

const CLASSES = { 400: 'BadRequestError', 401: 'AuthenticationError', 403: 'PermissionDeniedError', 404: 'NotFoundError', 429: 'RateLimitError', 500: 'InternalServerError', 503: 'InternalServerError' };
for (const { name } of LANGUAGES)
  for (const is_stream of [true, false]) {
    const told = `${name}, ${is_stream ? 'streamed' : 'whole'}`;
    for (const [status, class_name] of Object.entries(CLASSES))
      test(`${told}: ${status} before the answer`, { skip }, async () => {
        const session = session_id();
        const e = await refusal(sdk_ask(sdk_client(proxy, session), { model: `${name}-x`, messages: user(`case status ${status}`) }, is_stream));
        assert.ok(e instanceof sdk[class_name], `${e.constructor.name}: ${e.message}`);
        assert.equal(e.error.type, 'error');
        assert.match(e.error.error.message, new RegExp(`told ${status}`));
        if (status === '429') assert.equal(e.headers.get('retry-after'), '7');
        await row_of(session, 'upstream_error');
      });

    test(`${told}: an overflow of the context`, { skip }, async () => {
      const e = await refusal(sdk_ask(sdk_client(proxy), { model: `${name}-x`, messages: user('case overflow') }, is_stream));
      assert.equal(e.status, 400);
      assert.equal(e.error.error.type, 'invalid_request_error');
      assert.match(e.error.error.message, /prompt is too long: 150000 tokens > 128000 maximum/);
    });

    for (const [case_name, state] of [['garbage', /upstream_error/], ['hangup', /upstream_(reset|truncated|error)/]])
      test(`${told}: ${case_name}`, { skip }, async () => {
        const session = session_id();
        const e = await refusal(sdk_ask(sdk_client(proxy, session), { model: `${name}-x`, messages: user(`case ${case_name}`) }, is_stream));
        assert.ok(e.status >= 500, `${e.status} ${e.message}`);
        assert.match((await proxy.row(session)).state, state);
      });

    for (const n of name === 'gemini' ? [1, 2, 3] : [1, 2, 3, 5, 8]) /* Gemini's stream has four */
      test(`${told}: cut off after ${n} chunks`, { skip }, async () => {
        const session = session_id();
        const e = await refusal(sdk_ask(sdk_client(proxy, session), { model: `${name}-x`, messages: user(`case cut ${n}.`), tools: TOOLS }, is_stream));
        assert.ok(e instanceof sdk.APIError, e.stack);
        assert.match((await proxy.row(session)).state, /^upstream_(truncated|reset)$/);
      });

    test(`${told}: a loop of ${TURNS} turns with thinking and tools`, { skip }, async () => {
      const session = session_id();
      const messages = await tool_loop(sdk_client(proxy, session),
        { model: `${name}-x`, messages: user('case loop'), tools: TOOLS, max_tokens: 4000, thinking: { type: 'enabled', budget_tokens: 2000 } },
        is_stream, (c) => { assert.equal(c.input.text, `é "${c.input.n}"`); return `result of ${c.input.n}`; });
      assert.equal(messages.at(-1).content.at(-1).text, `done after ${TURNS}`);
      assert.equal(messages.length, 2 * TURNS + 2);
      const rows = await until(async () => {
        const all = await proxy.rows(`session=${session}`);
        return all.length > TURNS && all.every((r) => r.state !== 'running') && all;
      }, 'all rows of the loop');
      assert.deepEqual([rows.length, new Set(rows.map((r) => r.state))], [TURNS + 1, new Set(['complete'])]);
    });
  }

test('nothing of all this went to Anthropic', { skip }, () => assert.equal(up.ledger.length, 0));
