/*
 * route.test.mjs: chosen models go to providers of other languages, and come back as answers of
 * Anthropic's; everything else is untouched.
 */
import { after, before, test } from 'node:test';
import assert from 'node:assert/strict';
import { ChatProvider, chunk, hello, say, usage } from '../lib/chat_provider.mjs';
import { Conn, ask } from '../lib/client.mjs';
import { ask_body, headers_for, session_id, text_stream } from '../lib/messages.mjs';
import { Proxy } from '../lib/proxy.mjs';
import { Upstream } from '../lib/upstream.mjs';

let up, chat, p;
before(async () => {
  up = await Upstream.start();
  chat = await ChatProvider.start();
  p = await Proxy.start({
    upstream: up,
    config: {
      providers: { local: { format: 'openai', base_url: chat.url, api_key: 'sk-local-1' }, openai: { preset: 'openai-chat', base_url: chat.url } },
      routing: { models: { '"*haiku*"': 'local:local-1', 'gone-*': 'nowhere:x', 'o-*': 'openai:gpt-4o' } },
    },
    env: { OPENAI_API_KEY: 'sk-openai-1' },
  }).catch((e) => e);
});
after(async () => {
  Conn.destroy_all();
  if (p instanceof Proxy) assert.deepEqual(await p.stop(), { code: 0, signal: null });
  await chat.stop();
  await up.stop();
});

test('a rule that names no provider stops the start, and says which', async () => {
  assert.ok(p instanceof Error);
  assert.match(p.message, /routing\.models\.gone-\*: no provider is known for nowhere:x/);
  p = await Proxy.start({
    upstream: up,
    config: {
      providers: {
        local: { format: 'openai', base_url: chat.url, api_key: 'sk-local-1' }, openai: { preset: 'openai-chat', base_url: chat.url },
        same: { format: 'anthropic', base_url: chat.url.replace('/v1', ''), api_key: 'sk-same-1' }, gem: { format: 'gemini', base_url: chat.url, api_key: 'sk-gem-1' },
      },
      routing: { models: { '"*haiku*"': 'local:local-1', 'o-*': 'openai:gpt-4o', 'plain-*': 'same:glm', 'gemini-*': 'gem:' } },
    },
    env: { OPENAI_API_KEY: 'sk-openai-1' },
  });
});

const events_of = (body) => body.toString().split('\n\n').filter(Boolean).map((e) => {
  const [, name] = /^event: (.*)$/m.exec(e) ?? [];
  const [, data] = /^data: (.*)$/m.exec(e) ?? [];
  return { name, data: JSON.parse(data) };
});
const text_of = (events) => events.filter((e) => e.data.delta?.type === 'text_delta').map((e) => e.data.delta.text).join('');
const post = (session, body, target = '/v1/messages') => ask(p.port, 'POST', target, { headers: headers_for(session), body });

test('what is wrong with a provider is told with its place', async () => {
  for (const [provider, message] of [
    [{ base_url: 'https://x.example' }, /test\.yaml:\d+:\d+: providers\.odd: is not known by name/],
    [{ format: 'openai' }, /test\.yaml:\d+:\d+: providers\.odd\.base_url: has to be given/],
    [{ format: 'french', base_url: 'https://x.example' }, /test\.yaml:\d+:\d+: providers\.odd\.format: must be openai/],
    [{ preset: 'nobody', base_url: 'https://x.example' }, /test\.yaml:\d+:\d+: providers\.odd\.preset: nobody is not known/],
    [{ format: 'openai', base_url: 'http://x.example' }, /test\.yaml:\d+:\d+: providers\.odd\.base_url: http:\/\/ would send keys/],
    [{ format: 'openai', base_url: 'https://x.example', quirks: 'odd' }, /odd/],
    [{ format: 'openai', base_url: 'https://x.example', api_kee: 'x' }, /test\.yaml:\d+:\d+: unknown key "providers\.odd\.api_kee"/],
  ]) await assert.rejects(Proxy.start({ upstream: up, config: { providers: { odd: provider } } }), message);
});

test('a routed stream comes back as Anthropic\'s, and is recorded as what it was', async () => {
  const session = session_id();
  chat.reply = (r) => say(r, hello);
  const got = await post(session, ask_body('hi', { model: 'claude-haiku-4-5' }));
  assert.equal(got.status, 200);
  const events = events_of(got.body);
  assert.deepEqual([events[0].name, events.at(-1).name], ['message_start', 'message_stop']);
  assert.equal(text_of(events), 'Hello');
  assert.equal(events[0].data.message.model, 'claude-haiku-4-5', 'the client sees the model that it asked for');
  const sent = chat.seen.at(-1);
  assert.equal(sent.url, '/v1/chat/completions');
  assert.equal(sent.json.model, 'local-1');
  assert.equal(sent.headers.authorization, 'Bearer sk-local-1');
  assert.ok(!JSON.stringify(sent).includes('sk-ant'), 'nothing of the client\'s credentials');
  assert.equal(up.seen(session).length, 0);
  const row = await p.row(session);
  assert.equal(row.state, 'complete');
  assert.equal(row.provider, 'local');
  assert.equal(row.model, 'claude-haiku-4-5');
  assert.equal(row.response_model, 'local-1');
  assert.equal(row.usage.input_tokens, 60);
  assert.equal(row.usage.cache_read_input_tokens, 40);
  assert.equal(row.usage.output_tokens, 7);
  assert.equal(row.cost_usd_micro ?? null, null, 'what an unknown model costs is not known');
});

test('what no rule fits is relayed byte for byte', async () => {
  const session = session_id();
  const before_count = chat.seen.length;
  up.on(session, async (x) => {
    await x.received();
    await x.respond(200, [['Content-Type', 'text/event-stream']], text_stream('fine').join(''), { framing: 'chunked' });
  });
  const body = ask_body('odd   spaces', { model: 'claude-opus-4-8' }).replace(',', ' ,\n');
  const got = await post(session, body);
  assert.equal(got.status, 200);
  assert.equal(got.body.toString(), text_stream('fine').join(''));
  const [x] = up.seen(session);
  assert.equal(x.body.toString(), body);
  assert.equal(chat.seen.length, before_count);
  const row = await p.row(session);
  assert.equal(row.provider, 'anthropic');
});

test('an answer that is no stream comes as one message, with its length', async () => {
  const session = session_id();
  chat.reply = (r) => say(r, hello);
  const got = await post(session, ask_body('hi', { model: 'claude-haiku-4-5', stream: false }));
  assert.equal(got.status, 200);
  const message = JSON.parse(got.body);
  assert.equal(message.type, 'message');
  assert.deepEqual(message.content, [{ type: 'text', text: 'Hello' }]);
  assert.equal(message.stop_reason, 'end_turn');
});

test('a tool call', async () => {
  const session = session_id();
  chat.reply = (r) => say(r, [
    chunk({ role: 'assistant', tool_calls: [{ index: 0, id: 'call_1', type: 'function', function: { name: 'Bash', arguments: '' } }] }),
    chunk({ tool_calls: [{ index: 0, function: { arguments: '{"command":' } }] }),
    chunk({ tool_calls: [{ index: 0, function: { arguments: '"ls"}' } }] }),
    chunk({}, { finish_reason: 'tool_calls' }), usage,
  ]);
  const tools = [{ name: 'Bash', description: 'runs', input_schema: { type: 'object', properties: { command: { type: 'string' } }, required: ['command'] } }];
  const got = await post(session, ask_body('hi', { model: 'claude-haiku-4-5', tools }));
  const events = events_of(got.body);
  const start = events.find((e) => e.name === 'content_block_start').data.content_block;
  assert.equal(start.type, 'tool_use');
  assert.equal(start.name, 'Bash');
  const json = events.filter((e) => e.data.delta?.type === 'input_json_delta').map((e) => e.data.delta.partial_json).join('');
  assert.deepEqual(JSON.parse(json), { command: 'ls' });
  assert.equal(events.find((e) => e.name === 'message_delta').data.delta.stop_reason, 'tool_use');
});

test('a refusal keeps its status and becomes an error of Anthropic\'s', async () => {
  const session = session_id();
  chat.reply = (r) => {
    r.writeHead(429, { 'content-type': 'application/json', 'retry-after': '7' });
    r.end(JSON.stringify({ error: { message: 'slow down', type: 'rate_limit_exceeded' } }));
  };
  const got = await post(session, ask_body('hi', { model: 'claude-haiku-4-5' }));
  assert.equal(got.status, 429);
  assert.equal(got.headers.find(([n]) => n.toLowerCase() === 'retry-after')?.[1], '7');
  const body = JSON.parse(got.body);
  assert.equal(body.type, 'error');
  assert.equal(body.error.type, 'rate_limit_error');
  assert.equal((await p.row(session)).state, 'upstream_error');
});

test('a refusal that teaches something is asked again, once for all', async () => {
  const session = session_id();
  const count = chat.seen.length;
  chat.reply = (r, x) => {
    if (!('max_tokens' in x.json)) return say(r, hello);
    r.writeHead(400, { 'content-type': 'application/json' });
    return r.end(JSON.stringify({ error: { message: "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.", type: 'invalid_request_error', param: 'max_tokens', code: 'unsupported_parameter' } }));
  };
  const got = await post(session, ask_body('hi', { model: 'claude-haiku-4-5' }));
  assert.equal(got.status, 200);
  assert.equal(text_of(events_of(got.body)), 'Hello');
  assert.equal(chat.seen.length, count + 2);
  await post(session_id(), ask_body('hi', { model: 'claude-haiku-4-5' }));
  assert.equal(chat.seen.length, count + 3, 'the next request knows it already');
});

test('a provider that breaks off in mid-stream: the client is told in its own language', async () => {
  const session = session_id();
  chat.reply = (r) => {
    r.writeHead(200, { 'content-type': 'text/event-stream' });
    r.write(hello[0] + hello[1]);
    setImmediate(() => r.destroy());
  };
  const got = await post(session, ask_body('hi', { model: 'claude-haiku-4-5' }));
  const last = events_of(got.body).at(-1);
  assert.equal(last.name, 'error');
  const row = await p.row(session);
  assert.notEqual(row.state, 'complete');
});

test('count_tokens of a routed model is an estimate', async () => {
  const session = session_id();
  const count = chat.seen.length;
  const body = JSON.stringify({ model: 'claude-haiku-4-5', messages: [{ role: 'user', content: 'how many are these?' }] });
  const got = await post(session, body, '/v1/messages/count_tokens?beta=true');
  assert.equal(got.status, 200);
  assert.ok(JSON.parse(got.body).input_tokens > 0);
  assert.equal(chat.seen.length, count);
});

test('a key from the environment, for a provider known by name', async () => {
  chat.reply = (r) => say(r, hello);
  const got = await post(session_id(), ask_body('hi', { model: 'o-x' }));
  assert.equal(got.status, 200);
  assert.equal(chat.seen.at(-1).headers.authorization, 'Bearer sk-openai-1');
  assert.equal(chat.seen.at(-1).json.model, 'gpt-4o');
});

test('an OpenAI client of a routed model gets OpenAI\'s answer', async () => {
  chat.reply = (r) => say(r, hello);
  const body = JSON.stringify({ model: 'claude-haiku-4-5', stream: true, messages: [{ role: 'user', content: 'hi' }] });
  const got = await post(session_id(), body, '/v1/chat/completions');
  assert.equal(got.status, 200);
  assert.match(got.body.toString(), /"content":"Hel"/);
  assert.match(got.body.toString(), /data: \[DONE\]/);
});

test('a provider of the same language: bytes pass, but for the model', async () => {
  const session = session_id();
  const stream = text_stream('fine').join('');
  chat.reply = (r) => { r.writeHead(200, { 'content-type': 'text/event-stream; charset=utf-8' }); r.end(stream); };
  const got = await post(session, ask_body('hi', { model: 'plain-1' }));
  assert.equal(got.body.toString(), stream);
  assert.equal(got.headers.find(([n]) => n.toLowerCase() === 'content-type')?.[1], 'text/event-stream; charset=utf-8');
  const sent = chat.seen.at(-1);
  assert.equal(sent.url, '/v1/messages');
  assert.equal(sent.json.model, 'glm');
  assert.equal(sent.headers['x-api-key'], 'sk-same-1');
  assert.equal((await p.row(session)).stream, true);
  chat.reply = (r) => { r.writeHead(429, { 'content-type': 'application/json', 'retry-after': '9' }); r.end('{"type":"error","error":{"type":"rate_limit_error","message":"x"}}'); };
  const refused = await post(session_id(), ask_body('hi', { model: 'plain-1' }));
  assert.equal(refused.status, 429);
  assert.equal(refused.headers.find(([n]) => n.toLowerCase() === 'retry-after')?.[1], '9');
});

test('a provider of the same language that breaks off: the client sees the break', async () => {
  const session = session_id();
  chat.reply = (r) => {
    r.writeHead(200, { 'content-type': 'text/event-stream' });
    r.write(text_stream('fine')[0]);
    setImmediate(() => r.destroy());
  };
  const got = await post(session, ask_body('hi', { model: 'plain-1' }));
  assert.equal(got.is_clean, false, 'no invented end');
  assert.equal(got.reader.has_last_chunk, false, 'no final chunk');
  assert.match((await p.row(session)).state, /^upstream_(truncated|reset)$/);
});

test('a name of a model cannot leave its place in a provider\'s address', async () => {
  chat.reply = (r) => say(r, []);
  await post(session_id(), ask_body('hi', { model: 'gemini-x HTTP/1.1\r\nhost: y\r\n\r\n/../?#' }));
  assert.equal(chat.seen.at(-1).url, '/v1/models/gemini-x%20HTTP%2F1.1%0D%0Ahost%3A%20y%0D%0A%0D%0A%2F..%2F%3F%23:streamGenerateContent?alt=sse');
  assert.equal(chat.seen.at(-1).headers['x-goog-api-key'], 'sk-gem-1');
  const count = chat.seen.length;
  const session = session_id();
  up.on(session, async (x) => { await x.received(); await x.json(400, { type: 'error' }); });
  assert.equal((await post(session, ask_body('hi', { model: `gemini-${'x'.repeat(70000)}` }))).status, 400);
  assert.equal(chat.seen.length, count, 'too long to name a model: to Anthropic, as it came');
});

test('a request that cannot be translated is refused, and not sent', async () => {
  const session = session_id();
  const count = chat.seen.length;
  const got = await post(session, '{"model":"claude-haiku-4-5","messages":7}');
  assert.equal(got.status, 400);
  assert.equal(JSON.parse(got.body).error.type, 'invalid_request_error');
  assert.equal(chat.seen.length, count);
  assert.equal((await p.row(session)).state, 'rejected');
});

test('with durability sync, clients that leave at any moment harm nothing', async () => {
  const q = await Proxy.start({
    upstream: up,
    config: { storage: { durability: 'sync' }, providers: { local: { format: 'openai', base_url: chat.url } }, routing: { models: { '"*"': 'local:local-1' } } },
  });
  chat.reply = async (r) => {
    r.writeHead(200, { 'content-type': 'text/event-stream' });
    for (let i = 0; i < 200 && !r.destroyed; i += 1) {
      r.write(chunk({ content: `${i} ` }));
      await new Promise((resolve) => { setImmediate(resolve); });
    }
    r.end('data: [DONE]\n\n');
  };
  for (let i = 0; i < 20; i += 1) {
    const conn = await Conn.open(q.port);
    await conn.request('POST', '/v1/messages', { headers: headers_for(session_id()), body: ask_body('hi') });
    await conn.head();
    conn.destroy();
  }
  assert.deepEqual(await q.stop(), { code: 0, signal: null });
});

test('a client that leaves ends the provider\'s work', async () => {
  let closed;
  const is_closed = new Promise((resolve) => { closed = resolve; });
  chat.reply = (r) => {
    r.writeHead(200, { 'content-type': 'text/event-stream' });
    r.write(hello[0] + hello[1]);
    r.on('close', closed);
  };
  const session = session_id();
  const conn = await Conn.open(p.port);
  await conn.request('POST', '/v1/messages', { headers: headers_for(session), body: ask_body('hi', { model: 'claude-haiku-4-5' }) });
  await conn.head();
  conn.destroy();
  await is_closed;
  assert.equal((await p.row(session)).state, 'client_disconnected');
});
