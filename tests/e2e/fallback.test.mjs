/*
 * fallback.test.mjs: providers that fail, and who is asked instead: never when a byte has been passed
 * on, never twice the same one, and not at all while a breaker is open.
 */
import { after, before, test } from 'node:test';
import assert from 'node:assert/strict';
import fs from 'node:fs/promises';
import { ChatProvider, chunk, hello, refuse, saying, say } from '../lib/chat_provider.mjs';
import { run_command } from '../lib/cli.mjs';
import { Conn, ask } from '../lib/client.mjs';
import { head_bytes } from '../lib/http1.mjs';
import { ask_body, headers_for, session_id, text_stream } from '../lib/messages.mjs';
import { Proxy, temp_dir } from '../lib/proxy.mjs';
import { Upstream } from '../lib/upstream.mjs';
import { until } from '../lib/wait.mjs';

let up, first, second, third, proxies;
before(async () => {
  up = await Upstream.start();
  [first, second, third] = await Promise.all([1, 2, 3].map(() => ChatProvider.start()));
  proxies = [];
});
after(async () => {
  Conn.destroy_all();
  for (const p of proxies) assert.deepEqual(await p.stop(), { code: 0, signal: null });
  await Promise.all([first.stop(), second.stop(), third.stop(), up.stop()]);
});

const provider = (c, more = {}) => ({ format: 'openai', base_url: c.url, max_retries: 0, ...more });
const off = { enabled: false };
async function start(config, more = {}) {
  const p = await Proxy.start({ upstream: up, config: { transcripts: { enabled: false }, ...config }, ...more });
  proxies.push(p);
  return p;
}
/* `first` falls back to `second`; `more` is said of the first. */
const pair = (more = {}, rest = {}) => start({
  providers: { first: provider(first, { fallback_provider: 'second:m-2', circuit_breaker: off, ...more }), second: provider(second, { circuit_breaker: off }), ...rest },
  routing: { models: { '"*haiku*"': 'first:m-1' } },
});
const post = (p, session, more = {}, target = '/v1/messages') =>
  ask(p.port, 'POST', target, { headers: headers_for(session), body: ask_body('hi', { model: 'claude-haiku-4-5', ...more }) });
const said = (got) => [...got.text.matchAll(/"type":"text_delta","text":"([^"]*)"/g)].map((m) => m[1]).join('');
const header_of = (got, name) => got.headers.find(([n]) => n.toLowerCase() === name)?.[1];
const health = async (p, name) => (await p.api('/api/providers')).providers.find((x) => x.name === name);
const forget = (...all) => { for (const c of all) { c.seen.length = 0; c.reply = (r) => say(r); } };

test('whoever refuses gives way to its fallback, and is asked once', async () => {
  const p = await pair();
  for (const [status, headers] of [[429, { 'retry-after': '2' }], [429, {}], [402, {}], [408, {}], [500, {}], [502, {}], [503, {}], [529, {}]]) {
    forget(first, second);
    first.reply = (r) => refuse(r, status, headers);
    second.reply = (r) => say(r, saying('Second'));
    const session = session_id();
    const got = await post(p, session);
    assert.equal(got.status, 200, `after ${status}`);
    assert.equal(said(got), 'Second');
    assert.equal(first.seen.length, 1);
    assert.equal(second.seen.length, 1);
    assert.deepEqual([first.seen[0].json.model, second.seen[0].json.model], ['m-1', 'm-2']);
    const row = await p.row(session);
    assert.equal(row.state, 'complete');
    assert.equal(row.provider, 'second', 'the record names who answered');
    assert.deepEqual(row.tried.map((a) => [a.provider, a.model, a.cause]), [['first', 'm-1', `it answered with status ${status === 503 ? 529 : status}`]]);
    assert.equal(row.losses, null);
  }
  assert.match(p.log, /a provider did not answer, another one is asked.*provider=first.*next=second/);
});

test('what another provider would not mend is the client\'s to know', async () => {
  const p = await pair();
  for (const [status, message] of [[400, 'bad'], [401, 'no key'], [403, 'no'], [404, 'no model'], [500, "This model's maximum context length is 10 tokens. However, your messages resulted in 1000 tokens."]]) {
    forget(first, second);
    first.reply = (r) => refuse(r, status, {}, message);
    const got = await post(p, session_id());
    assert.equal(got.status, status === 500 ? 400 : status);
    assert.equal(first.seen.length, 1);
    assert.equal(second.seen.length, 0, `after ${status}`);
  }
});

test('an answer in one piece comes from the fallback too, also for an OpenAI client', async () => {
  const p = await pair();
  forget(first, second);
  first.reply = (r) => refuse(r, 503);
  const got = await post(p, session_id(), { stream: false });
  assert.deepEqual(JSON.parse(got.body).content, [{ type: 'text', text: 'Hello' }]);
  const body = JSON.stringify({ model: 'claude-haiku-4-5', stream: true, messages: [{ role: 'user', content: 'hi' }] });
  const chat = await ask(p.port, 'POST', '/v1/chat/completions', { headers: headers_for(session_id()), body });
  assert.equal(chat.text, `${hello.join('')}data: [DONE]\n\n`, 'both sides speak the same: bytes pass');
  assert.equal(second.seen.length, 2);
});

test('a port where nobody listens, and a connection that ends before an answer', async () => {
  const gone = await ChatProvider.start();
  await gone.stop();
  const p = await pair({ base_url: gone.url, max_retries: 3 });
  forget(second);
  const session = session_id();
  assert.equal(said(await post(p, session)), 'Hello');
  const [attempt] = (await p.row(session)).tried;
  assert.match(attempt.cause, /refused/i);

  const q = await pair();
  forget(first, second);
  first.reply = (r) => r.destroy();
  assert.equal(said(await post(q, session_id())), 'Hello');
  assert.equal(first.seen.length, 1);
});

test('a provider that is too slow to answer', async () => {
  const p = await pair({ response_header_timeout: '300ms' });
  forget(first, second);
  first.reply = () => {};
  const got = await post(p, session_id());
  assert.equal(said(got), 'Hello');
  assert.equal(first.seen.length, 1);
});

test('an error as the first thing of a stream gives way; one in mid-stream does not', async () => {
  const p = await pair();
  forget(first, second);
  first.reply = (r) => say(r, [`data: ${JSON.stringify({ error: { message: 'busy', type: 'server_error', code: 'server_is_overloaded' } })}\n\n`]);
  assert.equal(said(await post(p, session_id())), 'Hello');
  assert.equal(second.seen.length, 1);

  for (const end of [(r) => r.destroy(), (r) => r.end(`data: ${JSON.stringify({ error: { message: 'busy' } })}\n\n`)]) {
    forget(first, second);
    first.reply = (r) => {
      r.writeHead(200, { 'content-type': 'text/event-stream' });
      r.write(hello[0] + chunk({ content: 'half' }));
      setImmediate(() => end(r));
    };
    const session = session_id();
    const got = await post(p, session);
    assert.equal(said(got), 'half');
    assert.match(got.text, /event: error/);
    assert.equal(second.seen.length, 0, 'nothing is answered twice');
    const row = await p.row(session);
    assert.equal(row.provider, 'first');
    assert.notEqual(row.state, 'complete');
  }
});

test('a chain of three, whose last speaks the client\'s own language', async () => {
  const p = await start({
    providers: {
      first: provider(first, { fallback_provider: 'second', circuit_breaker: off }),
      second: provider(second, { fallback_provider: 'third:glm', circuit_breaker: off }),
      third: { format: 'anthropic', base_url: third.origin, api_key: 'sk-third-1', circuit_breaker: off },
    },
    routing: { models: { '"*haiku*"': 'first:m-1' } },
  });
  forget(first, second, third);
  first.reply = (r) => refuse(r, 500);
  second.reply = (r) => refuse(r, 429);
  third.reply = (r) => { r.writeHead(200, { 'content-type': 'text/event-stream' }); r.end(text_stream('Third').join('')); };
  const session = session_id();
  const got = await post(p, session);
  assert.equal(got.body.toString(), text_stream('Third').join(''));
  assert.equal(second.seen[0].json.model, 'claude-haiku-4-5', 'no model was given: the client\'s');
  assert.equal(third.seen[0].json.model, 'glm');
  assert.equal(third.seen[0].headers['x-api-key'], 'sk-third-1');
  assert.ok(!JSON.stringify([...first.seen, ...second.seen, ...third.seen]).includes('sk-ant'), 'no credential of the client\'s');
  const row = await p.row(session);
  assert.deepEqual(row.tried.map((a) => a.provider), ['first', 'second']);

  forget(first, second, third);
  for (const c of [first, second]) c.reply = (r) => refuse(r, 500);
  third.reply = (r) => refuse(r, 529, { 'retry-after': '9' }, 'all are busy');
  const last = await post(p, session_id());
  assert.equal(last.status, 529, 'the last one\'s refusal is the answer');
  assert.equal(header_of(last, 'retry-after'), '9');
  assert.equal(third.seen.length, 1);
});

async function ask_framed(p, headers, body, framing) {
  if (framing === 'length') return ask(p.port, 'POST', '/v1/messages?beta=true', { headers, body });
  const conn = await Conn.open(p.port);
  const head = head_bytes('POST /v1/messages?beta=true HTTP/1.1', [['Host', `127.0.0.1:${p.port}`], ...headers, ['Transfer-Encoding', 'chunked']]);
  const parts = [body.slice(0, 20), body.slice(20)].map((part) => `${part.length.toString(16)}\r\n${part}\r\n`);
  await conn.write(Buffer.concat([head, Buffer.from(`${parts.join('')}0\r\n\r\n`)]));
  return conn.answer_whole('POST');
}

test('a provider of the client\'s own language gives way as well, until its first byte was passed on', async () => {
  const p = await pair({ format: 'anthropic', base_url: first.origin, api_key: 'sk-first-1' });
  for (const reply of [
    (r) => refuse(r, 529), (r) => refuse(r, 500), (r) => r.destroy(),
    (r) => { r.writeHead(200, { 'content-type': 'text/event-stream' }); r.flushHeaders(); setImmediate(() => r.destroy()); },
  ]) {
    forget(first, second);
    first.reply = reply;
    assert.equal(said(await post(p, session_id())), 'Hello');
    assert.deepEqual([first.seen.length, second.seen.length], [1, 1]);
  }
  forget(first, second);
  first.reply = (r) => refuse(r, 404);
  assert.equal((await post(p, session_id())).status, 404);
  first.reply = (r) => {
    r.writeHead(200, { 'content-type': 'text/event-stream' });
    r.write(text_stream('half')[0]);
    setImmediate(() => r.destroy());
  };
  const got = await post(p, session_id());
  assert.equal(got.is_clean, false);
  assert.equal(second.seen.length, 0);
});

test('Anthropic as the last of a chain gets the client\'s own request, with its own credentials', async () => {
  const p = await start({
    providers: { first: provider(first, { fallback_provider: 'second', circuit_breaker: off }), second: provider(second, { fallback_provider: 'anthropic', circuit_breaker: off }) },
    routing: { models: { '"*haiku*"': 'first:m-1' } },
  });
  forget(first, second);
  first.reply = (r) => refuse(r, 500);
  second.reply = (r) => refuse(r, 503);
  for (const framing of ['length', 'chunked']) {
    const session = session_id();
    up.on(session, async (x) => { await x.received(); await x.events(text_stream('Anthropic')); });
    const body = ask_body('odd   spaces', { model: 'claude-haiku-4-5' }).replace(',', ' ,\n');
    const headers = headers_for(session);
    const got = await ask_framed(p, headers, body, framing);
    assert.equal(got.text, text_stream('Anthropic').join(''));
    const [x] = up.seen(session);
    assert.equal(x.body.toString(), body);
    assert.equal(x.target, '/v1/messages?beta=true');
    assert.equal(x.header('x-api-key'), headers.find(([n]) => n.toLowerCase() === 'x-api-key')?.[1]);
    const row = await p.row(session);
    assert.equal(row.provider, 'anthropic');
    assert.equal(row.state, 'complete');
    assert.deepEqual(row.tried.map((a) => a.provider), ['first', 'second']);
    assert.equal((await p.body(row.id, 'request')).toString(), body);
  }
});

test('Anthropic gives way to another provider, once it was refused whole', async () => {
  const p = await start({
    providers: { anthropic: { fallback_provider: 'first:m-1', circuit_breaker: off }, first: provider(first) },
  });
  for (const script of [(x) => x.json(529, { type: 'error', error: { type: 'overloaded_error', message: 'x' } }),
    (x) => x.respond(500, [], 'x'.repeat(300000), { framing: 'chunked' }), (x) => x.rst()]) {
    forget(first);
    const session = session_id();
    up.on(session, async (x) => { await x.received(); await script(x); });
    const got = await post(p, session);
    assert.equal(said(got), 'Hello');
    assert.equal(up.seen(session).length, 1, 'sent there once');
    assert.equal(first.seen[0].json.model, 'm-1');
    assert.ok(!JSON.stringify(first.seen).includes('sk-ant'));
    const row = await p.row(session);
    assert.equal(row.provider, 'first');
    assert.deepEqual(row.tried.map((a) => a.provider), ['anthropic']);
  }
  forget(first);
  const refused = session_id();
  up.on(refused, async (x) => { await x.received(); await x.json(401, { type: 'error' }); });
  assert.equal((await post(p, refused)).status, 401);
  assert.equal(first.seen.length, 0);

  const broken = session_id();
  up.on(broken, async (x) => {
    await x.received();
    await x.head(200, [['Content-Type', 'text/event-stream'], ['Transfer-Encoding', 'chunked']]);
    await x.piece(text_stream('Hello')[0]);
    x.rst();
  });
  const got = await post(p, broken);
  assert.equal(got.is_clean, false);
  assert.equal(first.seen.length, 0, 'a stream that breaks off is not asked for again');

  const other = session_id();
  up.on(other, (x) => x.json(500, {}));
  assert.equal((await ask(p.port, 'GET', '/v1/models', { headers: headers_for(other) })).status, 500, 'what is no question to a model goes to Anthropic only');
});

test('a request too long to be looked into goes to Anthropic, and to nobody else', async () => {
  const p = await start({ providers: { anthropic: { fallback_provider: 'first:m-1' }, first: provider(first) } });
  forget(first);
  const session = session_id();
  up.on(session, async (x) => { await x.received(); await x.json(529, { type: 'error', error: { type: 'overloaded_error', message: 'x' } }); });
  const body = ask_body('x'.repeat(66 << 20), { model: 'claude-haiku-4-5' });
  const got = await ask(p.port, 'POST', '/v1/messages', { headers: headers_for(session), body });
  assert.equal(got.status, 529);
  assert.equal(first.seen.length, 0);
  assert.equal(up.seen(session)[0].body.length, body.length);
});

test('without anybody else, who says when to come back soon is asked again then', async () => {
  const p = await start({ providers: { only: provider(first, { max_retries: 2 }) }, routing: { models: { '"*haiku*"': 'only:m-1' } } });
  forget(first);
  first.reply = (r, x, n) => (n < 3 ? refuse(r, 429, { 'retry-after': '0' }) : say(r));
  const session = session_id();
  assert.equal(said(await post(p, session)), 'Hello');
  assert.equal(first.seen.length, 3);
  assert.equal((await p.row(session)).state, 'complete');

  for (const [status, headers, times] of [[429, { 'retry-after': '0' }, 3], [429, { 'retry-after': '6' }, 1], [429, {}, 1], [500, { 'retry-after': '0' }, 1], [400, { 'retry-after': '0' }, 1]]) {
    forget(first);
    first.reply = (r) => refuse(r, status, headers);
    const got = await post(p, session_id());
    assert.equal(got.status, status);
    assert.equal(first.seen.length, times, `${status} ${JSON.stringify(headers)}`);
  }
});

test('a breaker opens after failures in a row, lets one through when its time is over, and closes', async () => {
  const p = await start({
    providers: {
      first: provider(first, { fallback_provider: 'second', circuit_breaker: { max_failures: 2, timeout: '2s' } }),
      second: provider(second, { circuit_breaker: off }),
    },
    routing: { models: { '"*haiku*"': 'first:m-1' } },
  });
  forget(first, second);
  first.reply = (r) => refuse(r, 500);
  assert.equal((await health(p, 'first')).breaker.state, 'closed');
  for (let i = 0; i < 2; i += 1) assert.equal(said(await post(p, session_id())), 'Hello');
  const open = await health(p, 'first');
  assert.equal(open.breaker.state, 'open');
  assert.equal(open.breaker.enabled, true, 'where there is a fallback, it is on');
  assert.deepEqual([open.requests, open.failures, open.breaker.failures], [2, 2, 2]);
  assert.match(open.last_error.message, /500/);
  assert.ok(Date.parse(open.breaker.opens_until) > Date.parse(open.last_error.at));
  const session = session_id();
  assert.equal(said(await post(p, session)), 'Hello');
  assert.equal(first.seen.length, 2, 'left alone');
  assert.match((await p.row(session)).tried[0].cause, /left alone/);

  let let_go;
  const held = new Promise((resolve) => { let_go = resolve; });
  first.reply = async (r) => { await held; say(r, saying('Probe')); };
  const probe = until(async () => {
    const got = await post(p, session_id());
    return said(got) === 'Probe' && got;
  }, 'the first provider to be tried again');
  await first.asked(3);
  assert.equal((await health(p, 'first')).breaker.state, 'half_open');
  assert.equal(said(await post(p, session_id())), 'Hello', 'only one tries');
  assert.equal(first.seen.length, 3);
  let_go();
  await probe;
  const closed = await health(p, 'first');
  assert.deepEqual([closed.breaker.state, closed.breaker.failures], ['closed', 0]);
  assert.match(p.log, /a provider is left alone.*provider=first/);
  assert.match(p.log, /a provider answers again.*provider=first/);

  forget(first, second);
  first.reply = (r, x, n) => (n % 2 ? refuse(r, 500) : say(r, saying('First')));
  for (let i = 0; i < 8; i += 1) assert.equal(said(await post(p, session_id())), i % 2 ? 'First' : 'Hello');
  assert.equal((await health(p, 'first')).breaker.state, 'closed', 'not in a row');
});

test('what one worker learns, all know, and a configuration read again forgets nothing', async () => {
  const config = (more = {}) => ({
    server: { workers: 2 },
    providers: { first: provider(first, { fallback_provider: 'second', circuit_breaker: { max_failures: 3, timeout: '1h' } }), second: provider(second, { circuit_breaker: off }) },
    routing: { models: { '"*haiku*"': 'first:m-1', ...more } },
  });
  const p = await start(config());
  forget(first, second);
  first.reply = (r) => refuse(r, 500);
  for (let i = 0; i < 3; i += 1) await post(p, session_id());
  assert.equal((await health(p, 'first')).breaker.state, 'open');
  for (let i = 0; i < 12; i += 1) assert.equal(said(await post(p, session_id())), 'Hello', 'each on a connection of its own');
  assert.equal(first.seen.length, 3);

  await p.reload({ ...config({ 'other-*': 'first:m-3' }), transcripts: { enabled: false } });
  assert.equal(said(await post(p, session_id(), { model: 'other-1' })), 'Hello');
  assert.equal(first.seen.length, 3, 'still left alone');
  const changed = config();
  changed.providers.first.circuit_breaker = off;
  await p.reload({ ...changed, transcripts: { enabled: false } });
  assert.equal(said(await post(p, session_id())), 'Hello');
  assert.equal(first.seen.length, 4, 'without a breaker it is asked');
  assert.equal((await health(p, 'first')).breaker.state, 'closed');
});

test('all left alone: the client is told when to come back, in its own language', async () => {
  const p = await start({
    providers: { first: provider(first, { fallback_provider: 'second', circuit_breaker: { max_failures: 1, timeout: '40s' } }), second: provider(second, { circuit_breaker: { enabled: true, max_failures: 1, timeout: '20s' } }) },
    routing: { models: { '"*haiku*"': 'first:m-1' } },
  });
  forget(first, second);
  for (const c of [first, second]) c.reply = (r) => refuse(r, 500);
  assert.equal((await post(p, session_id())).status, 500);
  const session = session_id();
  const got = await post(p, session);
  assert.equal(got.status, 529);
  assert.equal(JSON.parse(got.body).error.type, 'overloaded_error');
  const seconds = Number(header_of(got, 'retry-after'));
  assert.ok(seconds > 10 && seconds <= 20, `${seconds}`);
  assert.deepEqual([first.seen.length, second.seen.length], [1, 1]);
  const row = await p.row(session);
  assert.equal(row.state, 'rejected');
  assert.deepEqual(row.tried.map((a) => a.provider), ['first', 'second']);
  const body = JSON.stringify({ model: 'claude-haiku-4-5', messages: [{ role: 'user', content: 'hi' }] });
  const chat = await ask(p.port, 'POST', '/v1/chat/completions', { headers: headers_for(session_id()), body });
  assert.equal(chat.status, 503);
  assert.ok(JSON.parse(chat.body).error.message);
  assert.ok(header_of(chat, 'retry-after'));
  const counted = await post(p, session_id(), {}, '/v1/messages/count_tokens');
  assert.equal(counted.status, 200, 'a count needs no provider');
});

test('Anthropic with a breaker of its own, and nobody else', async () => {
  const p = await start({ providers: { anthropic: { circuit_breaker: { enabled: true, max_failures: 1, timeout: '30s' } } } });
  const session = session_id();
  up.on(session, async (x) => { await x.received(); await x.json(529, { type: 'error', error: { type: 'overloaded_error', message: 'from there' } }); });
  const relayed = await post(p, session);
  assert.match(relayed.text, /from there/);
  const refused = await post(p, session);
  assert.equal(refused.status, 529);
  assert.equal(header_of(refused, 'x-claude-code-proxy-error'), 'UPSTREAM_RESTING');
  assert.equal(up.seen(session).length, 1);
  const other = session_id();
  up.on(other, (x) => x.json(200, { ok: true }));
  assert.equal((await ask(p.port, 'GET', '/v1/models', { headers: headers_for(other) })).status, 200, 'only questions to a model are held back');
});

test('a client that leaves in the middle of a chain ends it', async () => {
  const p = await pair();
  forget(first, second);
  let gone;
  const is_gone = new Promise((resolve) => { gone = resolve; });
  first.reply = (r) => refuse(r, 500);
  second.reply = (r) => { r.on('close', gone); };
  const session = session_id();
  const conn = await Conn.open(p.port);
  await conn.request('POST', '/v1/messages', { headers: headers_for(session), body: ask_body('hi', { model: 'claude-haiku-4-5' }) });
  await second.asked(1);
  conn.destroy();
  await is_gone;
  assert.equal((await p.row(session)).state, 'client_disconnected');

  const q = await start({ providers: { only: provider(first, { max_retries: 2 }) }, routing: { models: { '"*haiku*"': 'only:m-1' } } });
  forget(first);
  first.reply = (r) => refuse(r, 429, { 'retry-after': '5' });
  const waiting = session_id();
  const other = await Conn.open(q.port);
  await other.request('POST', '/v1/messages', { headers: headers_for(waiting), body: ask_body('hi', { model: 'claude-haiku-4-5' }) });
  await until(() => /is asked again/.test(q.log), 'the wait');
  other.destroy();
  assert.equal((await q.row(waiting)).state, 'client_disconnected');
  assert.equal(first.seen.length, 1);
});

test('a proxy that drains lets a chain go to its end', async () => {
  const p = await pair();
  proxies.pop();
  forget(first, second);
  let let_go;
  const held = new Promise((resolve) => { let_go = resolve; });
  first.reply = async (r) => { await held; refuse(r, 500); };
  const answer = post(p, session_id());
  await first.asked(1);
  p.child.kill('SIGTERM');
  await until(() => /draining/.test(p.log), 'the drain');
  let_go();
  assert.equal(said(await answer), 'Hello');
  assert.deepEqual(await p.stop(), { code: 0, signal: null });
});

test('a proxy that stops in the middle of a chain ends in order', async () => {
  const p = await start({ providers: { only: provider(first, { max_retries: 2 }) }, routing: { models: { '"*haiku*"': 'only:m-1' } } });
  proxies.pop();
  forget(first);
  first.reply = (r) => refuse(r, 429, { 'retry-after': '5' });
  const answer = post(p, session_id()).catch((e) => e);
  await until(() => /is asked again/.test(p.log), 'the wait');
  p.child.kill('SIGTERM');
  p.child.kill('SIGTERM');
  await until(() => p.exit, 'the end');
  assert.deepEqual(p.exit, { code: 0, signal: null });
  await answer;
});

test('what is wrong with fallbacks is told with its place', async () => {
  const url = 'http://127.0.0.1:1/v1', dir = await temp_dir();
  const check = async (providers) => {
    const lines = Object.entries(providers).map(([name, said]) => `  ${name}: ${JSON.stringify(said)}\n`).join('');
await fs.writeFile(`${dir}/config.yaml`, `providers:\n${lines}`);
    const { code, err } = await run_command(['config', 'check'], { cwd: dir });
    assert.equal(code, 78);
    return err;
  };
  const a = { format: 'openai', base_url: url };
  assert.match(await check({ a: { ...a, fallback_provider: 'b' }, b: { ...a, fallback_provider: 'a:x' } }), /config\.yaml:2:\d+: providers\.a\.fallback_provider: goes round in a circle: a, b, a/);
  assert.match(await check({ a: { ...a, fallback_provider: 'a' } }), /config\.yaml:2:\d+: providers\.a\.fallback_provider: goes round in a circle: a, a/);
  assert.match(await check({ anthropic: { fallback_provider: 'a' }, a: { ...a, fallback_provider: 'anthropic' } }), /config\.yaml:2:\d+: providers\.anthropic\.fallback_provider: goes round in a circle: anthropic, a, anthropic/);
  assert.match(await check({ x: { ...a, fallback_provider: 'a' }, a: { ...a, fallback_provider: 'b' }, b: { ...a, fallback_provider: 'a' } }), /config\.yaml:3:\d+: providers\.a\.fallback_provider: goes round in a circle: a, b, a/);
  assert.match(await check({ a: { ...a, fallback_provider: 'nobody:x' } }), /config\.yaml:2:\d+: providers\.a\.fallback_provider: nobody is not known as a provider/);
  assert.match(await check({ a: { ...a, fallback_provider: 'anthropic:x' } }), /config\.yaml:2:\d+: .*no model can be given/);
  assert.match(await check({ a: { ...a, circuit_breaker: { max_failures: 0 } } }), /config\.yaml:2:\d+: providers\.a\.circuit_breaker\.max_failures: must be/);
  assert.match(await check({ a: { ...a, circuit_breaker: { max_fails: 1 } } }), /config\.yaml:2:\d+: unknown key "providers\.a\.circuit_breaker\.max_fails"/);
  await fs.rm(dir, { recursive: true });
});
