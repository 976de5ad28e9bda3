// Makes docs/screenshots/*.png: the real Claude Code, through the real proxy, against a provider that plays
// a small piece of work; then the dashboard in a real browser. Needs a built proxy with the dashboard,
// Claude Code (tests/client/claude, or CLAUDE_BINARY) and Chromium with playwright-core (tests/browser).
//
//     node scripts/screenshots.mjs

import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { startBrowser } from '../tests/browser/support.mjs';
import { stream_events } from '../tests/lib/messages.mjs';
import { Proxy } from '../tests/lib/proxy.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const output = join(root, 'docs/screenshots');
const claude = process.env.CLAUDE_BINARY ?? join(root, 'tests/client/claude/node_modules/@anthropic-ai/claude-code/bin/claude.exe');

const text = (s) => ({ type: 'text', text: s });
const tool = (id, name, input) => ({ type: 'tool_use', id, name, input });

/** What the provider says to the n-th turn of the main conversation; agents get one sentence. */
const turns = (n) => [
  [{ type: 'thinking', thinking: 'A test fails. First look at which one, and at what it says.', signature: 'c2lnbmF0dXJl' },
    text('I will look at the failing test first.'),
    tool(`toolu_a${n}`, 'Bash', { command: 'ls -la && echo "1 failed: test_head"', description: 'List the folder' })],
  [text('The parser is the likely place. I let an agent read it.'),
    tool(`toolu_b${n}`, 'Agent', { description: 'Read the parser', prompt: 'Read src/http and say where duplicate headers are refused.', subagent_type: 'reader' })],
  [text('Fixed: each header is now counted once, so that a second `Content-Length` is refused.\n\n```c\nif (lengths + codings > 1)\n    return fail(f, ERR_BAD_REQUEST, "the body\'s length is stated more than once");\n```\n\nAll tests pass.')],
];

function provider() {
  let number = 0;
  const server = http.createServer(async (request, response) => {
    const parts = [];
    for await (const part of request) parts.push(part);
    if (!request.url.startsWith('/v1/messages')) return response.writeHead(request.method === 'HEAD' ? 200 : 404).end();
    const asked = JSON.parse(Buffer.concat(parts));
    const blocks = asked.messages.flatMap((m) => (Array.isArray(m.content) ? m.content : []));
    const done = blocks.filter((b) => b.type === 'tool_result').length;
    number += 1;
    const is_agent = request.headers['x-claude-code-agent-id'] !== undefined;
    const say = is_agent ? [text('Duplicates are refused in head_check.c, before a provider is asked.')] : turns(number)[Math.min(done, 2)];
    const usage = { input_tokens: 14 + 3 * number, cache_creation_input_tokens: 900 + 310 * done, cache_read_input_tokens: done ? 18200 + 900 * done : 0, output_tokens: 1 };
    response.writeHead(200, { 'content-type': 'text/event-stream', 'request-id': `req_011CV${number}` });
    for (const event of stream_events(say, { id: `msg_${number}`, model: asked.model, usage, output_tokens: 40 + 37 * (number % 7) })) {
      response.write(event);
      await new Promise((resolve) => { setTimeout(resolve, 30 + 70 * Math.random()); });
    }
    response.end();
  });
  return new Promise((resolve) => { server.listen(0, '127.0.0.1', () => resolve(server)); });
}

function ask(folder, url, prompt) {
  const env = { PATH: process.env.PATH, HOME: join(folder, 'home'), ANTHROPIC_BASE_URL: url, ANTHROPIC_API_KEY: 'sk-ant-test-0',
    CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: '1', DISABLE_TELEMETRY: '1', DISABLE_ERROR_REPORTING: '1', DISABLE_AUTOUPDATER: '1' };
  const child = spawn(claude, ['-p', prompt, '--allowedTools', 'Bash', 'Agent'], { cwd: join(folder, 'work'), env, stdio: ['ignore', 'ignore', 'inherit'] });
  return new Promise((resolve, reject) => { child.once('error', reject).once('close', (code) => (code === 0 ? resolve() : reject(new Error(`Claude Code ended with ${code}`)))); });
}

async function shoot(url, theme) {
  const browser = await startBrowser();
  const page = await browser.newPage({ viewport: { width: 1280, height: 720 }, colorScheme: theme, reducedMotion: 'reduce' });
  const save = (name) => page.screenshot({ path: join(output, `${name}.png`) });
  await page.goto(url);
  const rows = page.locator('[role=row][aria-selected]');
  await rows.first().waitFor();
  await save(theme === 'dark' ? 'requests-dark' : 'requests');
  await rows.first().click();
  await page.getByRole('tab', { name: 'Messages' }).click();
  await page.getByText('I will look at the failing test first.').first().scrollIntoViewIfNeeded();
  await save(theme === 'dark' ? 'request-dark' : 'request');
  await browser.close();
}

if (!existsSync(claude)) throw new Error(`Claude Code is not at ${claude}`);
const folder = mkdtempSync(join(tmpdir(), 'ccp-screenshots-'));
mkdirSync(join(folder, 'home'));
mkdirSync(join(folder, 'work/.claude/agents'), { recursive: true });
mkdirSync(output, { recursive: true });
writeFileSync(join(folder, 'work/.claude/agents/reader.md'), '---\nname: reader\ndescription: Reads code\ntools: Bash\n---\nYou read code and answer in one sentence.\n');
const server = await provider();
const proxy = await Proxy.start({ upstream: `http://127.0.0.1:${server.address().port}` });
try {
  for (const prompt of ['Fix the failing test', 'Say why the header was refused', 'Write the change into the changelog']) await ask(folder, proxy.url, prompt);
  await shoot(proxy.url, 'light');
  await shoot(proxy.url, 'dark');
} finally {
  await proxy.stop();
  server.close();
  rmSync(folder, { recursive: true, force: true });
}
