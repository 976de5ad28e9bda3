/*
 * matrix.mjs: what the tests of translation share: the languages, a proxy that sends models to a
 * provider of each, the official SDK behind it, and what the SDK's accumulator does not check.
 */
import assert from 'node:assert/strict';
import { session_id } from './messages.mjs';
import { Proxy } from './proxy.mjs';
import { speakers } from './speakers.mjs';
import { Upstream } from './upstream.mjs';

export const sdk = await import('@anthropic-ai/sdk').catch(() => null);
export const openai = await import('openai').catch(() => null);
export const aimock = await import('@copilotkit/aimock').catch(() => null);

/* The languages that are not the client's, and what stands behind a provider's address. */
export const LANGUAGES = [
  { name: 'chat', format: 'openai', base: '/v1' },
  { name: 'responses', format: 'responses', base: '/v1' },
  { name: 'gemini', format: 'gemini', base: '/v1beta' },
];

/*
 * A proxy where a model `chat-…` goes to a provider of Chat Completions at `url`, and so on. Of
 * `chat_whole-…` the provider is asked for an answer in one piece, whatever the client wants.
 * `provider`: more keys of each of them; `providers`, `models`: others.
 */
export function matrix_proxy(url, { up, config = {}, provider = {}, providers = {}, models = {} } = {}) {
  const all = { ...providers }, rules = { ...models };
  for (const { name, format, base } of LANGUAGES)
    for (const [suffix, more] of [['', {}], ['_whole', { quirks: 'no_stream' }]]) {
      all[`${name}${suffix}`] = { format, base_url: url + base, api_key: `sk-${name}-1`, max_retries: 0, ...provider, ...more };
      rules[`${name}${suffix}-*`] = `${name}${suffix}:`;
    }
  return Proxy.start({ upstream: up, config: { providers: all, routing: { models: rules }, transcripts: { enabled: false }, ...config } });
}

export function sdk_client(proxy, session = session_id()) {
  return new sdk.default({ baseURL: proxy.url, apiKey: 'sk-ant-test-0', maxRetries: 0, timeout: 60000, defaultHeaders: { 'X-Claude-Code-Session-Id': session } });
}

/* What the accumulator would forgive: see the promises of docs/dialects.md. */
function check_events(events) {
  let open = null, next = 0, deltas = 0;
  for (const e of events) {
    if (e.type === 'content_block_start') {
      assert.equal(open, null, 'one block open at a time');
      assert.equal(e.index, next, 'indexes without gaps');
      open = next;
      next += 1;
    } else if (e.type === 'content_block_delta') {
      assert.equal(e.index, open);
    } else if (e.type === 'content_block_stop') {
      assert.equal(e.index, open);
      open = null;
    } else if (e.type === 'message_delta') {
      assert.equal(open, null);
      deltas += 1;
    }
  }
  assert.deepEqual([events[0].type, events.at(-1).type, deltas], ['message_start', 'message_stop', 1]);
}

/* One message, streamed or not: the SDK's own. */
export async function sdk_ask(client, request, is_stream) {
  const full = { max_tokens: 1000, ...request };
  if (!is_stream) return client.messages.create(full);
  const events = [];
  const stream = client.messages.stream(full);
  stream.on('streamEvent', (e) => events.push(structuredClone(e)));
  const message = await stream.finalMessage();
  check_events(events);
  return Object.assign(message, { events: events.length });
}

/* The error that a promise was refused with. */
export const refusal = (promise) => promise.then((m) => assert.fail(`no error, but ${JSON.stringify(m).slice(0, 300)}`), (e) => e);

/* Calls tools until the model needs none any more; gives all messages. `run(call)` gives a result's content. */
export async function tool_loop(client, request, is_stream, run) {
  const messages = [...request.messages];
  for (let turn = 0; turn < 100; turn += 1) {
    const answer = await sdk_ask(client, { ...request, messages }, is_stream);
    messages.push({ role: 'assistant', content: answer.content });
    const calls = answer.content.filter((b) => b.type === 'tool_use');
    assert.equal(answer.stop_reason, calls.length ? 'tool_use' : 'end_turn');
    if (!calls.length) return messages;
    messages.push({ role: 'user', content: calls.map((c) => ({ type: 'tool_result', tool_use_id: c.id, content: run(c) })) });
  }
  return assert.fail('the loop has no end');
}

/*
 * A provider of all three languages. `on(model, script)`: script(exchange, speaker) answers what is
 * asked for this model; `asked(model)` gives what that was, as speaker.read() tells it.
 */
export class Provider {
  static async start() {
    const p = new Provider();
    p.scripts = new Map();
    p.requests = new Map();
    p.up = await Upstream.start();
    p.url = p.up.url;
    p.up.fallback = async (x) => {
      const json = JSON.parse(await x.received());
      const model = json.model ?? decodeURIComponent(/models\/([^:]+):/.exec(x.target)[1]);
      const language = model.split('-')[0].replace('_whole', '');
      p.requests.set(model, [...(p.requests.get(model) ?? []), { x, json, ...speakers[language].read(json) }]);
      await p.scripts.get(model)(x, speakers[language]);
    };
    return p;
  }

  on(model, script) {
    this.scripts.set(model, script);
  }

  asked(model) {
    return this.requests.get(model) ?? [];
  }

  stop() {
    return this.up.stop();
  }
}
