/*
 * claude_routed.test.mjs: the real Claude Code, whose model is another provider's that speaks
 * OpenAI's Chat Completions: a loop of tool calls works, and nothing of it reaches Anthropic.
 */
import { after, before, test } from 'node:test';
import assert from 'node:assert/strict';
import fs from 'node:fs/promises';
import { ChatProvider, chunk, refuse, say, usage } from '../lib/chat_provider.mjs';
import { run_claude, skip } from '../lib/claude.mjs';
import { Proxy, temp_dir } from '../lib/proxy.mjs';
import { Upstream } from '../lib/upstream.mjs';
import { until } from '../lib/wait.mjs';

/* Two commands side by side, then a text that tells what they printed. */
function answer(request) {
  const results = request.messages.filter((m) => m.role === 'tool');
  const bash = (request.tools ?? []).find((tool) => tool.function.name === 'Bash');
  if (!bash) return [chunk({ content: 'Title' }), chunk({}, { finish_reason: 'stop' }), usage];
  if (results.length) return [chunk({ content: `saw ${results.map((m) => String(m.content).trim()).join(' and ')}` }), chunk({}, { finish_reason: 'stop' }), usage];
  const call = (index, command) => chunk({ tool_calls: [{ index, id: `call_${index}`, type: 'function', function: { name: 'Bash', arguments: JSON.stringify({ command, description: 'say' }) } }] });
  return [chunk({ role: 'assistant', content: 'I look.' }), call(0, 'echo one'), call(1, 'echo two'), chunk({}, { finish_reason: 'tool_calls' }), usage];
}

let home, up, provider, proxy;
if (!skip) {
  before(async () => {
    home = await temp_dir('claude');
    up = await Upstream.start();
    provider = await ChatProvider.start({ reply: (r, { json }) => say(r, answer(json)) });
    proxy = await Proxy.start({
      upstream: up,
      config: {
        providers: { local: { format: 'openai', base_url: provider.url } },
        routing: { models: { '"claude-*"': 'local:local-1' } },
        transcripts: { enabled: false },
      },
    });
  });
  after(async () => {
    assert.deepEqual(await proxy.stop(), { code: 0, signal: null });
    await provider.stop();
    await up.stop();
    await fs.rm(home, { recursive: true, force: true });
  });
}

test('a loop with two tool calls side by side, through another provider', { skip, timeout: 180000 }, async () => {
  const { out } = await run_claude({ proxy, up }, home, home, ['look', '--output-format', 'json', '--allowedTools', 'Bash']);
  assert.match(JSON.parse(out).result, /^saw (one and two|two and one)$/);
  const asked = provider.seen;
  const loop = asked.filter(({ json }) => json.tools?.length);
  assert.ok(loop.length >= 2);
  const last = loop.at(-1).json;
  const calls = last.messages.flatMap((m) => m.tool_calls ?? []).map((c) => c.id);
  assert.equal(new Set(calls).size, 2);
  assert.deepEqual(last.messages.filter((m) => m.role === 'tool').map((m) => m.tool_call_id).sort(), calls.sort());
  for (const { json, headers } of asked) {
    assert.equal(json.model, 'local-1');
    assert.equal(headers['x-api-key'], undefined);
    assert.equal(headers.authorization, undefined, 'no key is configured, and the client\'s own is Anthropic\'s');
  }
  assert.equal(up.ledger.filter((x) => x.path === '/v1/messages').length, 0);
  const rows = await until(async () => {
    const { requests } = await proxy.api('/api/requests?provider=local');
    return requests.length >= asked.length && requests.every((r) => r.state !== 'running') && requests;
  }, 'the rows');
  for (const row of rows) {
    assert.equal(row.state, 'complete');
    assert.equal(row.response_model, 'local-1');
    assert.ok(row.flags.includes('translated'));
  }
});

test('a provider that fails in the middle of a loop: the real client goes on with its fallback', { skip, timeout: 180000 }, async () => {
  const flaky = await ChatProvider.start();
  const asked = provider.seen.length;
  /* The first turn comes from it; with the second it has gone. */
  flaky.reply = (r, { json }) => (json.messages.some((m) => m.role === 'tool') ? refuse(r, 503) : say(r, answer(json)));
  const p = await Proxy.start({
    upstream: up,
    config: {
      providers: {
        anthropic: { fallback_provider: 'flaky:flaky-1' },
        flaky: { format: 'openai', base_url: flaky.url, fallback_provider: 'local:local-1' },
        local: { format: 'openai', base_url: provider.url },
      },
      transcripts: { enabled: false },
    },
  });
  up.fallback = async (x) => { await x.received(); await x.json(529, { type: 'error', error: { type: 'overloaded_error', message: 'busy' } }); };
  const folder = await temp_dir('claude');
  const { out } = await run_claude({ proxy: p, up }, folder, folder, ['look', '--output-format', 'json', '--allowedTools', 'Bash']);
  assert.match(JSON.parse(out).result, /^saw (one and two|two and one)$/);
  assert.ok(provider.seen.length > asked, 'the last turn came from the second fallback');
  const last = provider.seen.at(-1).json;
  assert.equal(last.messages.filter((m) => m.role === 'tool').length, 2);
  assert.ok(!JSON.stringify([...flaky.seen, ...provider.seen]).includes('sk-ant'));
  const rows = await until(async () => {
    const found = (await p.rows()).filter((r) => r.path.startsWith('/v1/messages') && !r.path.includes('count_tokens'));
    return found.length && found.every((r) => r.state === 'complete') && found;
  }, 'the rows');
  assert.deepEqual(rows.find((r) => r.provider === 'local').tried.map((t) => t.provider), ['anthropic', 'flaky']);
  assert.equal((await p.api('/api/providers')).providers.find((x) => x.name === 'anthropic').breaker.enabled, true);
  assert.deepEqual(await p.stop(), { code: 0, signal: null });
  await flaky.stop();
  await fs.rm(folder, { recursive: true, force: true });
});
