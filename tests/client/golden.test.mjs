/*
 * golden.test.mjs: the official SDKs read every answer of tests/golden that a client is to get, and
 * make of it what stands in it.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { test } from 'node:test';
import assert from 'node:assert/strict';

const GOLDEN = path.join(path.dirname(fileURLToPath(import.meta.url)), '..', 'golden');
const anthropic = await import('@anthropic-ai/sdk').catch(() => null);
const openai = await import('openai').catch(() => null);

const cases = readdirSync(GOLDEN, { withFileTypes: true })
  .filter((d) => d.isDirectory())
  .map((d) => ({ name: d.name, file: (f) => path.join(GOLDEN, d.name, f) }))
  .filter((c) => existsSync(c.file('client.sse')))
  .map((c) => ({ ...c, body: readFileSync(c.file('client.sse'), 'utf8') }));
const is_openai = (c) => !c.body.startsWith('event: ');
const fetch_of = (body) => async () => new Response(body, { status: 200, headers: { 'content-type': 'text/event-stream' } });
const data_of = (body) => body.split('\n').filter((l) => l.startsWith('data: {')).map((l) => JSON.parse(l.slice(6)));

/* The blocks as the events say, put together in the plainest way. */
function blocks_of(events) {
  const blocks = [];
  for (const e of events) {
    if (e.type === 'content_block_start') blocks.push({ ...e.content_block, json: '' });
    const b = blocks[e.index];
    if (e.delta?.type === 'text_delta') b.text += e.delta.text;
    if (e.delta?.type === 'thinking_delta') b.thinking += e.delta.thinking;
    if (e.delta?.type === 'signature_delta') b.signature = e.delta.signature;
    if (e.delta?.type === 'input_json_delta') b.json += e.delta.partial_json;
  }
  return blocks;
}

async function anthropic_reads(c) {
  const client = new anthropic.default({ apiKey: 'test', baseURL: 'http://localhost', maxRetries: 0, fetch: fetch_of(c.body) });
  const stream = client.messages.stream({ model: 'm', max_tokens: 9, messages: [{ role: 'user', content: 'Hi' }] });
  const events = data_of(c.body), error = events.find((e) => e.type === 'error');
  if (error) {
    await assert.rejects(stream.finalMessage(), (e) => e instanceof anthropic.APIError && e.error?.error?.type === error.error.type);
    return;
  }
  const message = await stream.finalMessage(), end = events.find((e) => e.type === 'message_delta');
  assert.equal(message.stop_reason, end.delta.stop_reason);
  assert.equal(message.stop_sequence, end.delta.stop_sequence);
  assert.equal(message.usage.output_tokens, end.usage.output_tokens);
  const want = blocks_of(events);
  assert.equal(message.content.length, want.length);
  message.content.forEach((b, i) => {
    assert.equal(b.type, want[i].type);
    for (const field of ['text', 'thinking', 'signature', 'id', 'name']) assert.equal(b[field], want[i][field]);
    if (b.type === 'tool_use' && message.stop_reason !== 'max_tokens') {
      assert.deepEqual(b.input, want[i].json ? JSON.parse(want[i].json) : {});
    }
  });
}

async function openai_reads(c) {
  const client = new openai.default({ apiKey: 'test', baseURL: 'http://localhost', maxRetries: 0, fetch: fetch_of(c.body) });
  const stream = client.chat.completions.stream({ model: 'm', messages: [{ role: 'user', content: 'Hi' }] });
  const chunks = data_of(c.body), error = chunks.find((e) => e.error);
  if (error) {
    await assert.rejects(stream.finalChatCompletion());
    return;
  }
  const reason = chunks.map((e) => e.choices[0]?.finish_reason).find(Boolean);
  const { choices: [{ message, finish_reason }] } = await stream.finalChatCompletion();
  assert.equal(finish_reason, reason);
  assert.equal(message.content ?? '', chunks.map((e) => e.choices[0]?.delta.content ?? '').join(''));
  if (reason === 'length') return; /* a call may be cut */
  for (const call of message.tool_calls ?? []) assert.equal(typeof JSON.parse(call.function.arguments), 'object');
}

test('the cases are there', () => { assert.ok(cases.length > 100); });
for (const c of cases) {
  const lib = is_openai(c) ? openai : anthropic;
  test(`${is_openai(c) ? 'OpenAI' : 'Anthropic'} SDK: ${c.name}`, { skip: !lib && 'the SDK is not installed: npm ci in tests/' },
    () => (is_openai(c) ? openai_reads(c) : anthropic_reads(c)));
}
