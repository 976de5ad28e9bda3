/*
 * matrix_openai.test.mjs: the official OpenAI SDK through the proxy: Chat Completions asked of a
 * provider that speaks Anthropic's language, and of one that speaks OpenAI's, which gets them as
 * they are.
 */
import { after, before, test } from 'node:test';
import assert from 'node:assert/strict';
import { aimock, openai, refusal } from '../lib/matrix.mjs';
import { error_body, session_id, stream_events } from '../lib/messages.mjs';
import { Proxy } from '../lib/proxy.mjs';
import { speakers } from '../lib/speakers.mjs';
import { Upstream } from '../lib/upstream.mjs';

const skip = !(openai && aimock) && 'openai and @copilotkit/aimock are not installed: npm ci in tests/';
const TURNS = 20;
let up, claude, plain, mock, proxy;

const CALLS = [{ name: 'get_weather', arguments: '{"city":"Köln","days":2}' }, { name: 'get_time', arguments: '{"zone":"UTC"}' }];
const PIXEL = 'data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==';
const LONG = Array.from({ length: 4000 }, (_, i) => `w${i} `).join('');

if (!skip) {
  before(async () => {
    up = await Upstream.start();
    claude = await Upstream.start(); /* scripted, in Anthropic's language */
    plain = await Upstream.start(); /* scripted, in OpenAI's */
    mock = new aimock.LLMock({ port: 0, chunkSize: 5 });
    mock.on({ userMessage: 'case text' }, { content: 'Hello, wörld! 😀' });
    mock.on({ userMessage: 'case long' }, { content: LONG });
    mock.on({ userMessage: 'case two tools' }, { content: 'I look.', toolCalls: CALLS });
    mock.on({ userMessage: 'case loop' }, (request) => {
      const n = request.messages.filter((m) => m.role === 'tool').length;
      return n === TURNS ? { content: `done after ${n}` } : { toolCalls: [{ name: 'get_time', arguments: JSON.stringify({ zone: `z${n}` }) }] };
    });
    await mock.start();
    const anthropic = { format: 'anthropic', api_key: 'sk-own-1', max_retries: 0 };
    proxy = await Proxy.start({
      upstream: up,
      config: {
        providers: {
          mocked: { ...anthropic, base_url: mock.url }, scripted: { ...anthropic, base_url: claude.url },
          same: { format: 'openai', base_url: `${plain.url}/v1`, api_key: 'sk-same-1' }, other: { format: 'openai', base_url: `${mock.url}/v1` },
        },
        routing: { models: { 'mock-*': 'mocked:', 'claude-*': 'scripted:', 'gpt-*': 'same:', 'aimock-*': 'other:' } },
        transcripts: { enabled: false },
      },
    });
  });
  after(async () => {
    assert.deepEqual(await proxy.stop(), { code: 0, signal: null }, proxy.log.slice(-2000));
    await mock.stop();
    for (const x of [claude, plain, up]) await x.stop();
  });
}

const client = (session) => new openai.OpenAI({ baseURL: `${proxy.url}/v1`, apiKey: 'sk-client-1', maxRetries: 0, timeout: 60000, defaultHeaders: { 'X-Claude-Code-Session-Id': session } });
const user = (content) => [{ role: 'user', content }];
const TOOLS = ['get_weather', 'get_time'].map((name) => ({ type: 'function', function: { name, description: name, parameters: { type: 'object', properties: { city: { type: 'string' }, days: { type: 'integer' }, zone: { type: 'string' } } } } }));

/* One answer: { message, finish_reason, usage }, by the SDK's own accumulator where it is streamed. */
async function ask(is_stream, request, session = session_id()) {
  const c = client(session);
  const full = { max_completion_tokens: 1000, ...request };
  if (!is_stream) {
    const whole = await c.chat.completions.create(full);
    return { ...whole.choices[0], usage: whole.usage };
  }
  let thought = ''; /* of a field that it does not know the accumulator keeps the last piece only */
  const stream = c.chat.completions.stream({ ...full, stream_options: { include_usage: true } });
  stream.on('chunk', (x) => { thought += x.choices[0]?.delta.reasoning_content ?? ''; });
  const whole = await stream.finalChatCompletion();
  return { ...whole.choices[0], usage: whole.usage, thought };
}

const calls_of = (message) => message.tool_calls.map((c) => ({ name: c.function.name, arguments: JSON.stringify(JSON.parse(c.function.arguments)) }));

for (const is_stream of [true, false]) {
  const how = is_stream ? 'streamed' : 'whole';
  for (const kind of ['mock', 'aimock']) {
    const told = `${how}, ${kind === 'mock' ? 'to Anthropic\'s language' : 'to the same language'}`;
    test(`${told}: text`, { skip }, async () => {
      const session = session_id();
      const a = await ask(is_stream, { model: `${kind}-1`, messages: user('case text') }, session);
      assert.deepEqual([a.message.content, a.finish_reason], ['Hello, wörld! 😀', 'stop']);
      assert.equal((await proxy.row(session)).state, 'complete');
    });

    test(`${told}: thousands of chunks`, { skip }, async () => {
      assert.equal((await ask(is_stream, { model: `${kind}-1`, messages: user('case long') })).message.content, LONG);
    });

    test(`${told}: text and two tools`, { skip }, async () => {
      const a = await ask(is_stream, { model: `${kind}-1`, messages: user('case two tools'), tools: TOOLS });
      assert.equal(a.message.content, 'I look.');
      assert.deepEqual(calls_of(a.message), CALLS);
      assert.equal(a.finish_reason, 'tool_calls');
    });

    test(`${told}: a loop of ${TURNS} turns`, { skip }, async () => {
      const messages = user('case loop');
      for (let turn = 0; ; turn += 1) {
        const a = await ask(is_stream, { model: `${kind}-1`, messages, tools: TOOLS });
        messages.push(a.message);
        if (a.finish_reason === 'stop') break;
        assert.deepEqual(JSON.parse(a.message.tool_calls[0].function.arguments), { zone: `z${turn}` });
        messages.push({ role: 'tool', tool_call_id: a.message.tool_calls[0].id, content: `result ${turn}` });
      }
      assert.equal(messages.at(-1).content, `done after ${TURNS}`);
      assert.equal(messages.length, 2 * TURNS + 2);
    });
  }

  test(`${how}: what Anthropic's language is asked, thinking, and usage`, { skip }, async () => {
    const session = session_id();
    const blocks = [{ type: 'thinking', thinking: 'hm', signature: 'c2ln' }, { type: 'text', text: 'A dot.' }];
    claude.fallback = async (x) => { await x.received(); await x.events(stream_events(blocks)); };
    const a = await ask(is_stream, { model: 'claude-x', max_completion_tokens: 9000, reasoning_effort: 'high', tools: TOOLS, tool_choice: 'auto', messages: [
      { role: 'system', content: 'Be short.' }, { role: 'user', content: [{ type: 'text', text: 'what is it?' }, { type: 'image_url', image_url: { url: PIXEL } }] }] }, session);
    assert.equal(a.message.content, 'A dot.');
    assert.equal(is_stream ? a.thought : a.message.reasoning_content, 'hm');
    assert.deepEqual([a.usage.prompt_tokens, a.usage.completion_tokens, a.usage.prompt_tokens_details.cached_tokens], [4312, 25, 4000]);
    const x = claude.ledger.at(-1), sent = JSON.parse(x.body);
    assert.equal(x.header('x-api-key'), 'sk-own-1');
    assert.equal(x.header('authorization'), undefined, 'the client\'s key stays here');
    assert.deepEqual(sent.messages[0].content.map((p) => p.type), ['text', 'image']);
    assert.equal(sent.messages[0].content[1].source.data, PIXEL.split(',')[1]);
    assert.match(JSON.stringify(sent.system), /Be short\./);
    assert.deepEqual(sent.tools.map((t) => t.name), ['get_weather', 'get_time']);
    assert.ok(sent.thinking, JSON.stringify(sent));
    const row = await proxy.row(session);
    assert.deepEqual([row.state, row.stop_reason, row.usage.input_tokens, row.usage.cache_read_input_tokens, row.usage.output_tokens], ['complete', 'stop', 312, 4000, 25]);
    assert.ok(!row.flags.includes('response_invalid'), row.flags.join());
  });

  for (const [status, type, class_name, answered] of [[400, 'invalid_request_error', 'BadRequestError'], [401, 'authentication_error', 'AuthenticationError'],
    [403, 'permission_error', 'PermissionDeniedError'], [404, 'not_found_error', 'NotFoundError'], [429, 'rate_limit_error', 'RateLimitError'],
    [500, 'api_error', 'InternalServerError'], [529, 'overloaded_error', 'InternalServerError', 503]])
    test(`${how}: ${status} from Anthropic's language`, { skip }, async () => {
      claude.fallback = async (x) => { await x.received(); await x.json(status, error_body(type, `told ${status}`), [['retry-after', '7']]); };
      const e = await refusal(ask(is_stream, { model: 'claude-x', messages: user('hi') }));
      assert.ok(e instanceof openai[class_name], `${e.constructor.name} ${e.message}`);
      assert.equal(e.status, answered ?? status);
      assert.match(e.message, new RegExp(`told ${status}`));
      if (status === 429) assert.equal(e.headers.get('retry-after'), '7');
    });

  test(`${how}: an error event and a cut in mid-stream of Anthropic's`, { skip }, async () => {
    const events = stream_events([{ type: 'text', text: 'partly said' }, { type: 'tool_use', id: 'toolu_1', name: 'get_time', input: { zone: 'UTC' } }]);
    for (let n = 1; n < events.length - 2; n += 1) {
      claude.fallback = (x) => x.events([...events.slice(0, n), `event: error\ndata: ${JSON.stringify(error_body('overloaded_error', 'Overloaded'))}\n\n`]);
      assert.match((await refusal(ask(is_stream, { model: 'claude-x', messages: user('hi'), tools: TOOLS }))).message, /Overloaded/, `after ${n}`);
      const session = session_id();
      claude.fallback = async (x) => {
        await x.head(200, [['Content-Type', 'text/event-stream'], ['Transfer-Encoding', 'chunked']]);
        for (const e of events.slice(0, n)) await x.piece(e);
        x.fin();
      };
      const e = await refusal(ask(is_stream, { model: 'claude-x', messages: user('hi'), tools: TOOLS }, session));
      assert.ok(e instanceof openai.OpenAIError || e instanceof Error);
      assert.match((await proxy.row(session)).state, /^upstream_(truncated|reset)$/);
    }
  });

  test(`${how}: to a provider of OpenAI's own language bytes pass, but for the model`, { skip }, async () => {
    const session = session_id();
    const parts = [{ text: 'as it is' }];
    const answer = is_stream ? speakers.chat.events(parts).join('') : JSON.stringify(speakers.chat.whole(parts), null, 3);
    plain.fallback = async (x) => {
      await x.received();
      await x.respond(200, [['Content-Type', is_stream ? 'text/event-stream; x=y' : 'application/json']], answer);
    };
    const a = await ask(is_stream, { model: 'gpt-x', messages: user('hi'), tools: TOOLS, seed: 12345678901, odd_field: { kept: [1.0, null] } }, session);
    assert.equal(a.message.content, 'as it is');
    const x = plain.ledger.at(-1), sent = JSON.parse(x.body);
    assert.equal(x.path, '/v1/chat/completions');
    assert.equal(x.header('authorization'), 'Bearer sk-same-1');
    assert.deepEqual([sent.seed, sent.odd_field, sent.model, sent.stream], [12345678901, { kept: [1, null] }, 'gpt-x', is_stream ? true : undefined]);
    const row = await proxy.row(session);
    assert.equal((await proxy.body(row.id, 'response')).toString(), answer, 'byte for byte');
  });
}
