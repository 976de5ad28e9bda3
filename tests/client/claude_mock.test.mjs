/*
 * claude_mock.test.mjs: the real Claude Code and a third party's mock that speaks Chat Completions,
 * Responses and Gemini: text with thinking, a loop of commands, two of them side by side.
 */
import { after, before, test } from 'node:test';
import assert from 'node:assert/strict';
import fs from 'node:fs/promises';
import { run_claude, skip as no_client } from '../lib/claude.mjs';
import { LANGUAGES, aimock, matrix_proxy } from '../lib/matrix.mjs';
import { temp_dir } from '../lib/proxy.mjs';
import { Upstream } from '../lib/upstream.mjs';

const skip = no_client || (!aimock && '@copilotkit/aimock is not installed: npm ci in tests/');
const TURNS = 6;
let home, up, mock, proxy;

const bash = (command) => ({ name: 'Bash', arguments: JSON.stringify({ command, description: 'say' }) });

/* The mock sees every language as Chat Completions. */
function answer(request) {
  const said = JSON.stringify(request.messages), results = request.messages.filter((m) => m.role === 'tool').length;
  if (!(request.tools ?? []).some((t) => t.function.name === 'Bash')) return { content: 'Title' };
  if (said.includes('case text')) return { content: 'Hello, wörld! 😀', reasoning: 'A greeting will do.' };
  if (said.includes('case two')) return results ? { content: `saw ${results}` } : { content: 'I look.', toolCalls: [bash('echo one'), bash('echo two')] };
  return results === TURNS ? { content: `counted ${results}` } : { content: `turn ${results}`, toolCalls: [bash(`echo "é ${results}"`)] };
}

if (!skip) {
  before(async () => {
    home = await temp_dir('claude');
    up = await Upstream.start();
    mock = new aimock.LLMock({ port: 0, chunkSize: 7 });
    mock.on({ predicate: () => true }, answer);
    await mock.start();
    proxy = await matrix_proxy(mock.url, { up, models: Object.fromEntries(LANGUAGES.map(({ name }) => [`claude-${name}-*`, `${name}:${name}-m`])) });
  });
  after(async () => {
    assert.deepEqual(await proxy.stop(), { code: 0, signal: null }, proxy.log.slice(-2000));
    await mock.stop();
    await up.stop();
    await fs.rm(home, { recursive: true, force: true });
  });
}

for (const { name } of LANGUAGES)
  for (const [prompt, said] of [['case text', 'Hello, wörld! 😀'], ['case two', 'saw 2'], ['case loop', `counted ${TURNS}`]])
    test(`${name}: ${prompt}`, { skip, timeout: 180000 }, async () => {
      const { out } = await run_claude({ proxy, up }, home, home, [prompt, '--model', `claude-${name}-1`, '--output-format', 'json', '--allowedTools', 'Bash']);
      assert.equal(JSON.parse(out).result, said);
      assert.equal(up.ledger.filter((x) => x.path.startsWith('/v1/messages')).length, 0, 'nothing of it went to Anthropic');
    });
