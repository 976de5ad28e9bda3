/*
 * presets.test.mjs: every provider known by name, against a mock at its place: the path, how the key
 * is sent and what else stands in the head, the language of the body and what is its own in it.
 */
import { after, before, test } from 'node:test';
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { ChatProvider } from '../lib/chat_provider.mjs';
import { Conn, ask } from '../lib/client.mjs';
import { ask_body, headers_for, session_id, text_stream } from '../lib/messages.mjs';
import { Proxy } from '../lib/proxy.mjs';
import { speakers } from '../lib/speakers.mjs';
import { Upstream } from '../lib/upstream.mjs';

const bearer = (key) => ['authorization', `Bearer ${key}`];
const x_api_key = (key) => ['x-api-key', key];
/* name: [language, where it is, its path there, its key's variable, how that is sent, what stands in the
 * body, what must not] */
const PRESETS = {
  anthropic: ['anthropic', '', '/v1/messages', 'ANTHROPIC_API_KEY', x_api_key],
  openai: ['responses', '/v1', '/v1/responses', 'OPENAI_API_KEY', bearer, ['reasoning', 'max_output_tokens', 'prompt_cache_key']],
  'openai-chat': ['chat', '/v1', '/v1/chat/completions', 'OPENAI_API_KEY', bearer, ['max_completion_tokens', 'reasoning_effort', 'stream_options', 'prompt_cache_key'], ['max_tokens']],
  azure: ['chat', '/openai/v1', '/openai/v1/chat/completions', 'AZURE_OPENAI_API_KEY', (key) => ['api-key', key], ['max_completion_tokens'], ['max_tokens']],
  openrouter: ['chat', '/api/v1', '/api/v1/chat/completions', 'OPENROUTER_API_KEY', bearer, ['reasoning', 'top_k'], ['reasoning_effort', 'max_completion_tokens']],
  gemini: ['gemini', '/v1beta', '/v1beta/models/m-1:streamGenerateContent?alt=sse', 'GEMINI_API_KEY', (key) => ['x-goog-api-key', key], ['generationConfig', 'systemInstruction']],
  'gemini-openai': ['chat', '/v1beta/openai', '/v1beta/openai/chat/completions', 'GEMINI_API_KEY', bearer],
  deepseek: ['chat', '/v1', '/v1/chat/completions', 'DEEPSEEK_API_KEY', bearer, ['max_tokens'], ['max_completion_tokens']],
  'deepseek-anthropic': ['anthropic', '/anthropic', '/anthropic/v1/messages', 'DEEPSEEK_API_KEY', x_api_key],
  qwen: ['chat', '/compatible-mode/v1', '/compatible-mode/v1/chat/completions', 'DASHSCOPE_API_KEY', bearer, ['enable_thinking', 'top_k'], ['reasoning_effort']],
  moonshot: ['chat', '/v1', '/v1/chat/completions', 'MOONSHOT_API_KEY', bearer, ['thinking'], ['reasoning_effort']],
  'moonshot-anthropic': ['anthropic', '/anthropic', '/anthropic/v1/messages', 'MOONSHOT_API_KEY', x_api_key],
  zai: ['chat', '/api/paas/v4', '/api/paas/v4/chat/completions', 'ZAI_API_KEY', bearer, ['thinking'], ['reasoning_effort']],
  'zai-anthropic': ['anthropic', '/api/anthropic', '/api/anthropic/v1/messages', 'ZAI_API_KEY', x_api_key],
  'minimax-anthropic': ['anthropic', '/anthropic', '/anthropic/v1/messages', 'MINIMAX_API_KEY', x_api_key],
  mistral: ['chat', '/v1', '/v1/chat/completions', 'MISTRAL_API_KEY', bearer, ['max_tokens'], ['stream_options', 'reasoning_effort']],
  groq: ['chat', '/openai/v1', '/openai/v1/chat/completions', 'GROQ_API_KEY', bearer, ['max_completion_tokens'], ['max_tokens']],
  xai: ['chat', '/v1', '/v1/chat/completions', 'XAI_API_KEY', bearer, ['reasoning_effort']],
  together: ['chat', '/v1', '/v1/chat/completions', 'TOGETHER_API_KEY', bearer, ['top_k'], ['reasoning_effort']],
  fireworks: ['chat', '/inference/v1', '/inference/v1/chat/completions', 'FIREWORKS_API_KEY', bearer, ['top_k']],
  ollama: ['chat', '/v1', '/v1/chat/completions', 'OLLAMA_API_KEY', bearer, ['reasoning_effort'], ['top_k']],
  'ollama-anthropic': ['anthropic', '', '/v1/messages', 'OLLAMA_API_KEY', x_api_key],
  lmstudio: ['chat', '/v1', '/v1/chat/completions', 'LMSTUDIO_API_KEY', bearer, ['top_k']],
  vllm: ['chat', '/v1', '/v1/chat/completions', 'VLLM_API_KEY', bearer, ['top_k']],
  'llama.cpp': ['chat', '/v1', '/v1/chat/completions', 'LLAMA_API_KEY', bearer, ['top_k']],
  plano: ['chat', '/v1', '/v1/chat/completions', 'PLANO_API_KEY', bearer],
};
/* What a body of each language has, and what those of the others have instead. */
const BODIES = {
  anthropic: [['messages', 'system', 'max_tokens'], ['input', 'contents']],
  chat: [['messages', 'tools'], ['system', 'input', 'contents']],
  responses: [['input', 'instructions'], ['messages', 'system', 'contents', 'max_tokens']],
  gemini: [['contents', 'tools'], ['messages', 'system', 'input', 'model']],
};
const CREDENTIALS = ['authorization', 'x-api-key', 'api-key', 'x-goog-api-key', 'cookie'];

let up, mock, p;
before(async () => {
  up = await Upstream.start();
  mock = await ChatProvider.start();
  const all = Object.entries(PRESETS);
  p = await Proxy.start({
    upstream: up,
    config: {
      providers: Object.fromEntries(all.map(([preset, [, base]]) => [`a-${preset}`, { preset, base_url: mock.origin + base }])),
      routing: { models: Object.fromEntries(all.map(([preset]) => [`for-${preset}`, `a-${preset}:m-1`])) },
      transcripts: { enabled: false },
    },
    env: {
      ...Object.fromEntries(all.map(([, [, , , variable]]) => [variable, `key-of-${variable}`])),
      OPENROUTER_APP_URL: 'https://app.example', OPENROUTER_APP_NAME: 'An app',
    },
  });
});
after(async () => {
  Conn.destroy_all();
  assert.deepEqual(await p.stop(), { code: 0, signal: null });
  await Promise.all([mock.stop(), up.stop()]);
});

test('the table is that of the program', () => {
  const source = readFileSync(new URL('../../src/dialect/presets.def', import.meta.url), 'utf8');
  const found = [...source.matchAll(/^PRESET\("([^"]+)", \w+, "([^"]*)"/gm)];
  assert.deepEqual(found.map(([, name]) => name).sort(), Object.keys(PRESETS).sort());
  for (const [, name, url] of found.filter(([, , u]) => u))
    assert.equal(new URL(url).pathname.replace(/\/$/, ''), PRESETS[name][1], `${name}: tried where it is`);
});

function answer(r, language) {
  r.writeHead(200, { 'content-type': 'text/event-stream' });
  const parts = [{ text: 'Hello' }];
  r.end((language === 'anthropic' ? text_stream('Hello') : speakers[language].events(parts)).join(''));
}

const request = (preset) => ask_body('hi', {
  model: `for-${preset}`,
  system: [{ type: 'text', text: 'Be short.' }],
  max_tokens: 4000, top_k: 7,
  thinking: { type: 'enabled', budget_tokens: 2000 },
  tools: [{ name: 'Bash', description: 'runs', input_schema: { type: 'object', properties: { command: { type: 'string' } }, required: ['command'] } }],
  metadata: { user_id: 'user_0' },
});

for (const [preset, [language, , path, variable, auth, has = [], has_not = []]] of Object.entries(PRESETS)) {
  test(preset, async () => {
    mock.reply = (r) => answer(r, language);
    const session = session_id();
    const got = await ask(p.port, 'POST', '/v1/messages', { headers: headers_for(session), body: request(preset) });
    assert.equal(got.status, 200, got.text);
    assert.deepEqual([...got.text.matchAll(/"text_delta","text":"([^"]*)"/g)].map((m) => m[1]).join(''), 'Hello');
    const { url, method, headers, json } = mock.seen.at(-1);
    assert.deepEqual([method, url], ['POST', path]);
    const [name, value] = auth(`key-of-${variable}`);
    assert.equal(headers[name], value);
    for (const other of CREDENTIALS.filter((n) => n !== name)) assert.equal(headers[other], undefined, other);
    assert.equal(headers.host, `127.0.0.1:${mock.port}`);
    assert.equal(headers['content-type'], 'application/json');
    assert.equal(headers.accept, 'text/event-stream');
    assert.equal(headers['accept-encoding'], 'identity');
    assert.match(headers['user-agent'], /^claude-code-proxy\//);
    assert.equal(headers['anthropic-version'], language === 'anthropic' ? '2023-06-01' : undefined);
    assert.equal(headers['http-referer'], preset === 'openrouter' ? 'https://app.example' : undefined);
    assert.equal(headers['x-title'], preset === 'openrouter' ? 'An app' : undefined);
    if (language !== 'gemini') assert.equal(json.model, 'm-1');
    for (const key of [...BODIES[language][0], ...has]) assert.ok(key in json, `${key} in ${JSON.stringify(json).slice(0, 1500)}`);
    for (const key of [...BODIES[language][1], ...has_not]) assert.ok(!(key in json), `no ${key} in ${JSON.stringify(json).slice(0, 1500)}`);
    assert.equal(up.seen(session).length, 0);
    const row = await p.row(session);
    assert.deepEqual([row.state, row.provider], ['complete', `a-${preset}`]);
  });
}

test('all of them are told of, with their places and whether they have a key', async () => {
  const { providers } = await p.api('/api/providers');
  assert.deepEqual(providers.map((x) => x.name), ['anthropic', ...Object.keys(PRESETS).map((name) => `a-${name}`)]);
  for (const { name, preset, base_url, has_key, requests, failures, breaker } of providers.slice(1)) {
    assert.equal(name, `a-${preset}`);
    assert.equal(base_url, mock.origin + PRESETS[preset][1]);
    assert.deepEqual([has_key, requests, failures, breaker.enabled, breaker.state], [true, 1, 0, false, 'closed']);
  }
});
