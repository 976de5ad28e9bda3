/*
 * claude_matrix.test.mjs: the real Claude Code, whose model is another provider's, in each language:
 * text, thinking, a loop of many commands, two commands side by side, a picture that it reads, and
 * what it does when the provider refuses, breaks off, or has no room left.
 */
import { after, before, test } from 'node:test';
import assert from 'node:assert/strict';
import fs from 'node:fs/promises';
import path from 'node:path';
import { run_claude, skip } from '../lib/claude.mjs';
import { LANGUAGES, Provider, matrix_proxy } from '../lib/matrix.mjs';
import { temp_dir } from '../lib/proxy.mjs';
import { Upstream } from '../lib/upstream.mjs';
import { until } from '../lib/wait.mjs';

const TURNS = 20;
const PIXEL = Buffer.from('iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==', 'base64');
let home, up, provider, proxy;

if (!skip) {
  before(async () => {
    home = await temp_dir('claude');
    up = await Upstream.start();
    provider = await Provider.start();
    const models = Object.fromEntries(LANGUAGES.map(({ name }) => [`claude-${name}-*`, `${name}:${name}-m`]));
    proxy = await matrix_proxy(provider.url, { up, models });
  });
  after(async () => {
    assert.deepEqual(await proxy.stop(), { code: 0, signal: null }, proxy.log.slice(-2000));
    await provider.stop();
    await up.stop();
    await fs.rm(home, { recursive: true, force: true });
  });
}

/* What the model says to its n-th request that has tools; those without are asked for titles and the like. */
async function run(name, prompt, say) {
  const model = `${name}-m`, folder = await fs.mkdtemp(path.join(home, `${name}-`));
  const asked = [];
  provider.on(model, async (x, s) => {
    const request = provider.asked(model).at(-1);
    if (!request.tools.includes('Bash')) return x.events(s.events([{ text: 'Title' }]));
    asked.push(request);
    return say(x, s, asked.length - 1, request);
  });
  await fs.writeFile(path.join(folder, 'dot.png'), PIXEL);
  const { out } = await run_claude({ proxy, up }, home, folder, [prompt, '--model', `claude-${name}-1`, '--output-format', 'json', '--allowedTools', 'Bash', 'Read'])
    .catch((e) => { throw Object.assign(e, { folder }); });
  const answer = JSON.parse(out);
  assert.equal(up.ledger.filter((x) => x.path.startsWith('/v1/messages')).length, 0, 'nothing of it went to Anthropic');
  return { asked, answer, folder };
}

/* A stream up to the first event that is wanted. */
async function cut(x, events, is_last) {
  await x.head(200, [['Content-Type', 'text/event-stream'], ['Transfer-Encoding', 'chunked']]);
  await x.piece(events.slice(0, events.findIndex(is_last) + 1).join(''));
  x.fin();
}

const say = (parts) => (x, s, n) => x.events(s.events(parts(n)));
const bash = (id, command) => ({ call: { id, name: 'Bash', input: { command, description: 'say' } } });
const texts = (request) => request.results.map((r) => r.text);

for (const { name } of LANGUAGES) {
  test(`${name}: text and thinking`, { skip, timeout: 180000 }, async () => {
    const { answer } = await run(name, 'hello', say(() => [{ thinking: 'I think of a greeting.' }, { text: 'Good day, wörld.' }]));
    assert.equal(answer.result, 'Good day, wörld.');
    assert.equal(answer.is_error, false);
    assert.ok(answer.usage.output_tokens > 0);
  });

  test(`${name}: a loop of ${TURNS} commands, with thinking`, { skip, timeout: 180000 }, async () => {
    const { asked, answer } = await run(name, 'count', say((n) => (n < TURNS
      ? [{ thinking: `thought ${n}` }, bash(`call_${n}`, `echo "turn $((${n} * 7)) é"`)] : [{ text: 'counted' }])));
    assert.equal(answer.result, 'counted');
    assert.equal(asked.length, TURNS + 1);
    const last = asked.at(-1);
    assert.equal(last.calls.length, TURNS);
    texts(last).forEach((text, n) => assert.match(text, new RegExp(`turn ${n * 7} é`)));
    if (name !== 'gemini') assert.deepEqual(last.results.map((r) => r.id), last.calls.map((c) => c.id));
    if (name === 'responses') assert.equal(last.sealed.length, TURNS, 'what was thought goes back');
    if (name === 'gemini') assert.ok(last.signatures.every((s) => s === 'c2lnbmF0dXJl'), JSON.stringify(last.signatures));
  });

  test(`${name}: two commands side by side`, { skip, timeout: 180000 }, async () => {
    const { asked, answer } = await run(name, 'look', (x, s, n, request) => x.events(s.events(n === 0
      ? [{ text: 'I look.' }, bash('call_a', 'echo one'), bash('call_b', 'echo two')] : [{ text: `saw ${request.results.length}` }])));
    assert.equal(answer.result, 'saw 2');
    const { calls, results } = asked.at(-1); /* Claude Code sends them in the order in which they end */
    results.forEach((r, i) => {
      if (name !== 'gemini') assert.equal(r.id, calls[i].id);
      assert.match(r.text, new RegExp(calls[i].input.command.split(' ')[1]));
    });
    assert.equal(new Set(results.map((r) => r.text)).size, 2);
  });

  test(`${name}: a picture that it reads`, { skip, timeout: 180000 }, async () => {
    const { asked, answer } = await run(name, 'read dot.png', (x, s, n) => x.events(s.events(n === 0
      ? [{ call: { id: 'call_r', name: 'Read', input: { file_path: 'dot.png' } } }] : [{ text: 'a dot' }])));
    assert.equal(answer.result, 'a dot');
    assert.equal(asked.at(-1).images.length, 1);
    assert.match(asked.at(-1).images[0], /^data:image\/(png|jpeg|webp);base64,/);
  });

  test(`${name}: a stream of thousands of chunks`, { skip, timeout: 180000 }, async () => {
    const parts = Array.from({ length: 1500 }, (_, i) => ({ text: `w${i} ` }));
    const { answer } = await run(name, 'much', async (x, s) => {
      const [first, ...rest] = s.events([{ text: 'ab' }]);
      const all = [first, ...rest], at = all.findIndex((e) => /"(content|delta|text)":"a"/.test(e));
      const long = parts.map((p) => all[at].replace('"a"', JSON.stringify(p.text)));
      const end = all.slice(at + 2).map((e) => e.replaceAll('"ab"', JSON.stringify(`${parts.map((p) => p.text).join('')}`)));
      return x.events([...all.slice(0, at), ...long, ...end]);
    });
    assert.equal(answer.result.trim(), parts.map((p) => p.text).join('').trim());
  });

  test(`${name}: refused twice for its rate, then answered`, { skip, timeout: 180000 }, async () => {
    const { asked, answer } = await run(name, 'hello', (x, s, n) => (n < 2
      ? x.json(n ? 503 : 429, s.error(429, 'slow down'), [['Retry-After', '0']]) : x.events(s.events([{ text: 'at last' }]))));
    assert.equal(answer.result, 'at last');
    assert.equal(asked.length, 3);
  });

  test(`${name}: cut in a text: it asks again`, { skip, timeout: 180000 }, async () => {
    const { asked, answer } = await run(name, 'speak', async (x, s, n) => (n ? x.events(s.events([{ text: 'again' }]))
      : cut(x, s.events([{ text: 'I was about to' }]), (e) => /"(content|delta|text)":"I was a/.test(e))));
    assert.equal(answer.result, 'again');
    assert.equal(asked.length, 2);
  });

  for (const [what, fail] of [
    ['500', (x, s) => x.json(500, s.error(500, 'broken'), [['Retry-After', '0']])],
    ['no answer at all', (x) => x.rst()],
    ['a page of HTML', (x) => x.respond(200, [['Content-Type', 'text/html']], '<html>Sign in</html>')],
    ['an error as the first event', (x, s) => x.events([...s.start, s.mid_error('overloaded')])],
    ['an error behind a text', (x, s) => x.events([...s.events([{ text: 'I was' }]).slice(0, s.start.length + 1), s.mid_error('overloaded')])],
  ]) {
    test(`${name}: ${what}: it asks again`, { skip, timeout: 180000 }, async () => {
      const { asked, answer } = await run(name, 'hello', (x, s, n) => (n ? x.events(s.events([{ text: 'at last' }])) : fail(x, s)));
      assert.equal(answer.result, 'at last');
      assert.equal(asked.length, 2);
    });
  }

  for (const [status, told] of [[400, /the reason 400/], [403, /the reason 403/], [404, /the reason 404|issue with the selected model/]]) {
    test(`${name}: ${status}: it is told why, and does not ask for ever`, { skip, timeout: 180000 }, async () => {
      const before = provider.asked(`${name}-m`).length;
      const { error } = await run(name, 'hello', (x, s) => x.json(status, s.error(status, `the reason ${status}`)))
        .then(() => assert.fail('no error'), (e) => ({ error: e }));
      assert.match(error.message, told);
      const asked = provider.asked(`${name}-m`).length - before;
      assert.ok(asked < 20, `${asked} times`);
    });
  }

  test(`${name}: cut in a call: the half call is not run`, { skip, timeout: 180000 }, async () => {
    const { error, folder } = await run(name, 'touch', (x, s) => cut(x, s.events([{ text: 'I do it.' }, bash('call_t', 'touch done')]), (e) => /touch/.test(e)))
      .catch((e) => ({ error: e, folder: e.folder }));
    assert.match(error.message, /The provider's answer broke off|Server error mid-response/); /* in our words, or its own */
    assert.deepEqual(await fs.readdir(folder), ['dot.png']);
  });

  test(`${name}: no room for the prompt`, { skip, timeout: 180000 }, async () => {
    const { asked, answer } = await run(name, 'much', (x, s) => x.json(400, s.overflow())).catch((e) => ({ error: e }))
      .then((r) => (r.error ? { asked: provider.asked(`${name}-m`), answer: { result: r.error.message } } : r));
    assert.match(answer.result, /prompt is too long/i);
    assert.ok(asked.length < 200, 'it does not ask for ever');
  });
}

test('all of it is recorded as translated, and whole where it was', { skip }, async () => {
  const rows = await until(async () => {
    const all = await proxy.rows();
    return all.every((r) => r.state !== 'running') && all;
  }, 'the rows');
  const routed = rows.filter((r) => LANGUAGES.some(({ name }) => name === r.provider));
  assert.ok(routed.length > 3 * TURNS);
  for (const row of routed) assert.ok(row.flags.includes('translated'));
});
