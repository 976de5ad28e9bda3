// A small piece of work, played: the real Claude Code in a made-up project, through the real proxy, against a
// provider that knows its lines. For pictures and for tests over a store that real traffic has filled.
import { spawn } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import { join } from 'node:path';
import { stream_events } from '../tests/lib/messages.mjs';

const text = (words) => ({ type: 'text', text: words });
const thinking = (words) => ({ type: 'thinking', thinking: words, signature: 'c2lnbmF0dXJl' });
const call = (name, input) => ({ type: 'tool_use', name, input });

const project = {
  'package.json': '{ "name": "ledger", "type": "module", "scripts": { "test": "node --test" } }\n',
  'src/date.js': '// Dates as they stand on invoices.\nexport function parseDate(text) {\n  return new Date(text);\n}\n\nexport const isDue = (invoice, now) => parseDate(invoice.due) < now;\n',
  'src/report.js': "import { parseDate } from './date.js';\n\nexport const monthOf = (invoice) => parseDate(invoice.date).getMonth() + 1;\n",
  'test/date.test.js': "import assert from 'node:assert';\nimport { test } from 'node:test';\nimport { parseDate } from '../src/date.js';\n\ntest('a date without a zone is midnight in UTC', () => {\n  assert.equal(parseDate('2026-03-01 00:00').toISOString(), '2026-03-01T00:00:00.000Z');\n});\n",
  '.claude/agents/reviewer.md': '---\nname: reviewer\ndescription: Reads code and says what could break\ntools: Read, Grep, Bash\n---\nYou read code and answer in one sentence.\n'
};

/** What the provider says, turn by turn, by the words of the prompt. `@@` is the project's folder. */
const scenes = [
  { when: 'Fix the failing date test', turns: [
    [thinking('The failure will be off by some hours, which smells of a time zone. I should see the test first, then every caller: one of them may rely on local time.'), text('I will run the tests first to see what fails.'), call('Bash', { command: 'TZ=Asia/Tokyo node --test 2>&1 | head -30', description: 'Run the tests far from UTC' })],
    [text('The parser treats a bare date as local time. Let me look at it, and at who calls it.'), call('Read', { file_path: '@@/src/date.js' }), call('Grep', { pattern: 'parseDate\\(', path: '@@/src', output_mode: 'content', '-n': true })],
    [text('That is the cause: `new Date(text)` takes the zone of the machine. Before I change it, two pairs of eyes on the callers.'), call('Agent', { description: 'Review the report', prompt: 'Read src/report.js and say whether it relies on local time.', subagent_type: 'reviewer' }), call('Agent', { description: 'Review the due dates', prompt: 'Read isDue in src/date.js and say whether it relies on local time.', subagent_type: 'reviewer' })],
    [text('Both are safe, so the change can be made in one place.'), call('Edit', { file_path: '@@/src/date.js', old_string: 'export function parseDate(text) {\n  return new Date(text);\n}', new_string: "export function parseDate(text) {\n  // A date without a zone means midnight in UTC, not here.\n  const has_zone = /(?:Z|[+-]\\d\\d:?\\d\\d)$/.test(text);\n  return new Date(has_zone ? text : `${text.replace(' ', 'T')}Z`);\n}" })],
    [call('Bash', { command: 'TZ=Asia/Tokyo node --test 2>&1 | tail -12', description: 'Run the tests again' })],
    [thinking('All pass. Say what changed, and what did not.'), text('Fixed. A date without a zone now means **midnight in UTC**, whatever the machine’s zone:\n\n| text | before, in Tokyo | now |\n|---|---|---|\n| `2026-03-01 00:00` | 28 February, 15:00 UTC | 1 March, 00:00 UTC |\n| `…T00:00+01:00` | unchanged | unchanged |\n\nThe two callers in `src/report.js` and `isDue` were read by reviewers; neither relies on local time. All tests pass.')]
  ] },
  { when: 'Read src/report.js', turns: [[call('Read', { file_path: '@@/src/report.js' })], [text('It asks for the month in local time: `getMonth()` near midnight can be off by one; `getUTCMonth()` would not be.')]] },
  { when: 'Read isDue', turns: [[call('Read', { file_path: '@@/src/date.js' }), call('Bash', { command: 'grep -rn isDue . --include=*.js', description: 'Find the callers' })], [text('`isDue` compares two moments, so it does not depend on the zone.')]] },
  { when: 'Write the changelog entry', turns: [
    [text('I will see what has changed.'), call('Bash', { command: 'ls -la src test && cat package.json', description: 'Look at the project' })],
    [text('- Dates without a time zone are read as UTC, so that invoices fall due on the same day everywhere.')]
  ] },
  { when: 'Why was the header refused', turns: [[thinking('They ask about request framing. RFC 9112 6.3 says it.'), text('Because it came twice. A message whose `Content-Length` is stated more than once can be read in two ways, so it is refused before anybody reads it (RFC 9112, section 6.3).')]] }
];

const wait = (ms) => new Promise((resolve) => { setTimeout(resolve, ms); });
const words_of = (message) => (typeof message.content === 'string' ? message.content : (message.content ?? []).map((block) => block.text ?? '').join('\n'));

function answer_to(asked, folder) {
  const first = words_of(asked.messages[0] ?? {});
  const scene = scenes.find((one) => first.includes(one.when));
  if (!scene) return [text('Ledger')];
  const said = asked.messages.filter((message) => message.role === 'assistant').length;
  const blocks = scene.turns[Math.min(said, scene.turns.length - 1)];
  return JSON.parse(JSON.stringify(blocks).replaceAll('@@/', `${folder}/`));
}

/** The provider. Its first answer to one prompt is "overloaded", as it happens. */
export function provider(folder, pace_ms = 25) {
  let number = 0;
  let has_refused = false;
  const server = http.createServer(async (request, response) => {
    const parts = [];
    for await (const part of request) parts.push(part);
    if (!request.url.startsWith('/v1/messages')) return response.writeHead(request.method === 'HEAD' ? 200 : 404).end();
    const asked = JSON.parse(Buffer.concat(parts));
    number += 1;
    if (!has_refused && JSON.stringify(asked.messages).includes('changelog')) {
      has_refused = true;
      response.writeHead(529, { 'content-type': 'application/json', 'request-id': `req_011CV${number}` });
      return response.end(JSON.stringify({ type: 'error', error: { type: 'overloaded_error', message: 'Overloaded' } }));
    }
    const say = answer_to(asked, folder).map((block, index) => (block.type === 'tool_use' ? { ...block, id: `toolu_${number}_${index}` } : block));
    const turns = asked.messages.length;
    const size = JSON.stringify(asked).length / 4;
    const usage = { input_tokens: 4 + 3 * number, cache_creation_input_tokens: Math.round(turns > 1 ? 380 + 90 * turns : size * 0.2), cache_read_input_tokens: Math.round(turns > 1 ? size * 0.95 : size * 0.7), output_tokens: 1 };
    const output_tokens = Math.round(JSON.stringify(say).length / 3.6);
    await wait(pace_ms * (8 + 20 * Math.random()));
    response.writeHead(200, { 'content-type': 'text/event-stream', 'request-id': `req_011CV${number}` });
    for (const event of stream_events(say, { id: `msg_${number}`, model: asked.model, usage, output_tokens, parts: 12 })) {
      response.write(event);
      await wait(pace_ms * (0.4 + 2 * Math.random()));
    }
    response.end();
  });
  return new Promise((resolve) => { server.listen(0, '127.0.0.1', () => resolve(server)); });
}

export function make_project(folder) {
  for (const [path, content] of Object.entries(project)) {
    const file = join(folder, path);
    mkdirSync(join(file, '..'), { recursive: true });
    writeFileSync(file, content);
  }
}

/** One run of Claude Code in the project. */
export function ask(claude, folder, home, url, prompt, more = []) {
  mkdirSync(home, { recursive: true });
  const env = { PATH: process.env.PATH, HOME: home, ANTHROPIC_BASE_URL: url, ANTHROPIC_API_KEY: 'sk-ant-test-0',
    CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: '1', DISABLE_TELEMETRY: '1', DISABLE_ERROR_REPORTING: '1', DISABLE_AUTOUPDATER: '1' };
  const child = spawn(claude, ['-p', prompt, '--allowedTools', 'Bash', 'Read', 'Edit', 'Grep', 'Agent', ...more], { cwd: folder, env, stdio: ['ignore', 'ignore', 'inherit'] });
  return new Promise((resolve, reject) => { child.once('error', reject).once('close', (code) => (code === 0 ? resolve() : reject(new Error(`Claude Code ended with ${code}`)))); });
}

/** The whole play, against a proxy. */
export async function play(claude, folder, home, url) {
  make_project(folder);
  await Promise.all([
    ask(claude, folder, home, url, 'Fix the failing date test', ['--model', 'opus']),
    ask(claude, folder, `${home}-2`, url, 'Why was the header refused?')
  ]);
  await ask(claude, folder, home, url, 'Write the changelog entry', ['--model', 'sonnet']);
}
