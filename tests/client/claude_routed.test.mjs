/*
 * claude_routed.test.mjs: the real Claude Code, whose model is another provider's that speaks
 * OpenAI's Chat Completions: a loop of tool calls works, and nothing of it reaches Anthropic.
 */
import { after, before, test } from 'node:test';
import assert from 'node:assert/strict';
import fs from 'node:fs/promises';
import http from 'node:http';
import { run_claude, skip } from '../lib/claude.mjs';
import { Proxy, temp_dir } from '../lib/proxy.mjs';
import { Upstream } from '../lib/upstream.mjs';
import { until } from '../lib/wait.mjs';

const chunk = (delta, finish_reason = null) => `data: ${JSON.stringify({
  id: 'c', object: 'chat.completion.chunk', created: 1, model: 'local-1', choices: [{ index: 0, delta, finish_reason }],
})}\n\n`;
const usage = `data: ${JSON.stringify({ id: 'c', object: 'chat.completion.chunk', choices: [], usage: { prompt_tokens: 100, completion_tokens: 7 } })}\n\ndata: [DONE]\n\n`;

/* Two commands side by side, then a text that tells what they printed. */
function answer(request) {
  const results = request.messages.filter((m) => m.role === 'tool');
  const bash = (request.tools ?? []).find((tool) => tool.function.name === 'Bash');
  if (!bash) return [chunk({ content: 'Title' }), chunk({}, 'stop'), usage];
  if (results.length) return [chunk({ content: `saw ${results.map((m) => String(m.content).trim()).join(' and ')}` }), chunk({}, 'stop'), usage];
  const call = (index, command) => chunk({ tool_calls: [{ index, id: `call_${index}`, type: 'function', function: { name: 'Bash', arguments: JSON.stringify({ command, description: 'say' }) } }] });
  return [chunk({ role: 'assistant', content: 'I look.' }), call(0, 'echo one'), call(1, 'echo two'), chunk({}, 'tool_calls'), usage];
}

let home, up, provider, proxy;
const asked = [];
if (!skip) {
  before(async () => {
    home = await temp_dir('claude');
    up = await Upstream.start();
    provider = http.createServer(async (q, r) => {
      const parts = [];
      for await (const p of q) parts.push(p);
      const request = JSON.parse(Buffer.concat(parts));
      asked.push({ request, headers: q.headers });
      r.writeHead(200, { 'content-type': 'text/event-stream' });
      for (const piece of answer(request)) r.write(piece);
      r.end();
    });
    await new Promise((resolve) => { provider.listen(0, '127.0.0.1', resolve); });
    proxy = await Proxy.start({
      upstream: up,
      config: {
        providers: { local: { format: 'openai', base_url: `http://127.0.0.1:${provider.address().port}/v1` } },
        routing: { models: { '"claude-*"': 'local:local-1' } },
        transcripts: { enabled: false },
      },
    });
  });
  after(async () => {
    assert.deepEqual(await proxy.stop(), { code: 0, signal: null });
    provider.closeAllConnections();
    await new Promise((resolve) => { provider.close(resolve); });
    await up.stop();
    await fs.rm(home, { recursive: true, force: true });
  });
}

test('a loop with two tool calls side by side, through another provider', { skip, timeout: 180000 }, async () => {
  const { out } = await run_claude({ proxy, up }, home, home, ['look', '--output-format', 'json', '--allowedTools', 'Bash']);
  assert.match(JSON.parse(out).result, /^saw (one and two|two and one)$/);
  const loop = asked.filter(({ request }) => request.tools?.length);
  assert.ok(loop.length >= 2);
  const last = loop.at(-1).request;
  const calls = last.messages.flatMap((m) => m.tool_calls ?? []).map((c) => c.id);
  assert.equal(new Set(calls).size, 2);
  assert.deepEqual(last.messages.filter((m) => m.role === 'tool').map((m) => m.tool_call_id).sort(), calls.sort());
  for (const { request, headers } of asked) {
    assert.equal(request.model, 'local-1');
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
