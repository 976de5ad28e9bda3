/*
 * route_rules.test.mjs: every way to say where requests go, seen from outside: who is asked for which
 * model, what the record says of it, and what explains it.
 */
import { after, before, test } from 'node:test';
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import fs from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { gzipSync } from 'node:zlib';
import { ChatProvider } from '../lib/chat_provider.mjs';
import { Conn, ask } from '../lib/client.mjs';
import { ask_body, headers_for, session_id, text_stream } from '../lib/messages.mjs';
import { BINARY, Proxy } from '../lib/proxy.mjs';
import { store_env } from '../lib/storing.mjs';
import { Upstream } from '../lib/upstream.mjs';
import { until } from '../lib/wait.mjs';

const run = promisify(execFile);
const EXPLORE = 'You are a file search specialist for Claude Code, Anthropic\'s official CLI for Claude.';

let up, chat;
const proxies = [];
before(async () => {
  up = await Upstream.start();
  up.fallback = async (x) => {
    await x.received();
    await x.respond(200, [['Content-Type', 'text/event-stream']], text_stream('claude').join(''), { framing: 'chunked' });
  };
  chat = await ChatProvider.start();
});
after(async () => {
  Conn.destroy_all();
  for (const p of proxies) if (p.exit === null) assert.deepEqual(await p.stop(), { code: 0, signal: null });
  await chat.stop();
  await up.stop();
});

async function start(config, env = {}) {
  const p = await Proxy.start({
    upstream: up, env,
    config: { providers: { local: { format: 'openai', base_url: chat.url, api_key: 'sk-local-1' } }, ...config },
  });
  proxies.push(p);
  return p;
}

/* Asks; tells which model of the provider's was asked for, or what Anthropic got. */
async function where(p, { body = {}, headers = [], target = '/v1/messages', session = session_id() } = {}) {
  const asked = chat.seen.length;
  const text = ask_body('hi', { model: 'claude-opus-5', ...body });
  const own = headers_for(session).filter(([name]) => !headers.some(([other]) => other.toLowerCase() === name.toLowerCase()));
  const got = await ask(p.port, 'POST', target, { headers: [...own, ...headers], body: text });
  assert.equal(got.status, 200);
  const [x] = up.seen(session);
  if (x) {
    assert.equal(chat.seen.length, asked, 'only one of them is asked');
    const untouched = x.body.toString() === text;
    assert.equal(x.header('content-length'), String(x.body.length));
    return { to: untouched ? 'anthropic' : `anthropic:${JSON.parse(x.body).model}`, session, sent: text, came: x.body.toString(), x };
  }
  assert.equal(chat.seen.length, asked + 1);
  const seen = chat.seen.at(-1);
  assert.ok(!JSON.stringify(seen).includes('sk-ant'), 'nothing of the client\'s credentials');
  return { to: seen.json.model, session, seen };
}

const agent = (id) => [['x-claude-code-agent-id', id]];
const explore = { body: { system: [{ type: 'text', text: EXPLORE }] }, headers: agent('a-1') };

test('each condition of a rule, and the first rule that fits counts', async () => {
  const p = await start({
    routing: {
      rules: [
        { name: 'keep', agent: 'Explore', model: '*opus-keep*', target: 'anthropic' },
        { agent: 'Expl?re', target: 'local:by-agent' },
        { class: 'title, probe', target: 'local:by-class' },
        { session: 'aaaa*', target: 'local:by-session' },
        { client: 'odd-client/*', target: 'local:by-client' },
        { header: 'X-Team: red *', target: 'local:by-header' },
        { header: 'x-flag', target: 'local:by-flag' },
        { min_tokens: 5000, max_tokens: 10000, target: 'local:by-size' },
        { agent: '*', target: 'local:any-agent' },
        { model: 'claude-small', target: 'anthropic:claude-haiku-5' },
        { model: 'same', target: 'local:' },
      ],
    },
  });
  const session = `aaaa${session_id().slice(4)}`;
  for (const [question, to, label] of [
    [explore, 'by-agent', '2'],
    [{ ...explore, body: { ...explore.body, model: 'x-opus-keep-1' } }, 'anthropic', 'keep'],
    [{ body: { max_tokens: 1 } }, 'by-class', '3'],
    [{ body: { system: 'Generate a concise, sentence-case title for this' } }, 'by-class', '3'],
    [{ session }, 'by-session', '4'],
    [{ headers: [['user-agent', 'odd-client/1.0']] }, 'by-client', '5'],
    [{ headers: [['user-agent', 'an-odd-client/1.0']] }, 'anthropic', null],
    [{ headers: [['x-team', 'red one']] }, 'by-header', '6'],
    [{ headers: [['x-team', 'blue']] }, 'anthropic', null],
    [{ headers: [['X-Flag', '']] }, 'by-flag', '7'],
    [{ body: { system: 'x'.repeat(24000) } }, 'by-size', '8'],
    [{ body: { system: 'x'.repeat(48000) } }, 'anthropic', null],
    [{ headers: agent('a-2') }, 'any-agent', '9'],
    [{ body: { model: 'claude-small' } }, 'anthropic:claude-haiku-5', '10'],
    [{ body: { model: 'same' } }, 'same', '11'],
    [{}, 'anthropic', null],
  ]) {
    const got = await where(p, question);
    assert.equal(got.to, to, JSON.stringify(question).slice(0, 200));
    const row = await p.row(got.session);
    assert.equal(row.route, label && `routing.rules.${label}`);
    assert.equal(row.shadow, false);
    if (label) assert.equal(row.route_target, ['keep', '10'].includes(label) ? to : `local:${to}`);
  }
  const routing = await p.api('/api/routing');
  assert.equal(routing.mode, 'on');
  assert.deepEqual(routing.rules.map((r) => r.hits), [1, 1, 2, 1, 1, 1, 1, 1, 1, 1, 1]);
  assert.deepEqual(routing.rules[2].conditions, { class: 'title, probe' });
  assert.deepEqual(routing.rules[0].target, { provider: 'anthropic', model: null });
  assert.match(routing.rules[0].source, /test\.yaml:\d+:\d+$/);
  assert.ok(Date.parse(routing.rules[0].last_hit_at) > Date.now() - 60000);
});

test('a compressed request is read for the rules; where it has to be changed it goes on as plain text', async () => {
  const models = { 'claude-small': 'anthropic:claude-haiku-5', 'claude-odd': 'local:house' };
  const p = await start({ routing: { models } });
  const coding = [['Content-Encoding', 'gzip']];
  const session = session_id();
  const send = (model) => {
    const body = gzipSync(ask_body('hi', { model }));
    return ask(p.port, 'POST', '/v1/messages', { headers: headers_for(session, coding), body }).then((got) => ({ got, body }));
  };
  const { body } = await send('claude-opus-5');
  const [same] = up.seen(session);
  assert.ok(same.body.equals(body), 'untouched where no rule fits');
  assert.equal(same.header('content-encoding'), 'gzip');
  const nothing = gzipSync('');
  const quiet = session_id();
  await ask(p.port, 'POST', '/v1/messages', { headers: headers_for(quiet, coding), body: nothing });
  assert.ok(up.seen(quiet)[0].body.equals(nothing), 'untouched where it says nothing');
  await send('claude-small');
  const changed = up.seen(session)[1];
  assert.equal(changed.body.toString(), ask_body('hi', { model: 'claude-haiku-5' }));
  assert.equal(changed.header('content-encoding'), undefined);
  assert.equal(changed.header('content-length'), String(changed.body.length));
  const asked = chat.seen.length;
  assert.equal((await send('claude-odd')).got.status, 200);
  assert.equal(chat.seen[asked].json.model, 'house');
  assert.equal(chat.seen[asked].json.messages.at(-1).content, 'hi');
  assert.equal(up.seen(session).length, 2);
  const rows = await until(async () => {
    const all = await p.rows(`session=${session}`);
    return all.length === 3 && all.every((r) => r.state === 'complete') && all;
  }, 'the rows');
  for (const row of rows) assert.ok((await p.body(row.id, 'request'))[0] === 0x1f, 'kept as it came');
  const { decision } = await p.api(`/api/requests/${rows.find((r) => r.model === 'claude-odd').id}/route`);
  assert.equal(decision.target, 'local:house');
});

test('another Claude model: nothing else of the request changes, whatever its framing', async () => {
  const p = await start({ routing: { models: { 'claude-small': 'anthropic:claude-haiku-"5"-longer' } } });
  for (const transfer of ['length', 'chunked']) {
    const session = session_id();
    const body = '{"max_tokens": 5 ,"model" : "claude-small","stream":true,"messages":[{"role":"user","content":"h\\u00e9 model"}]}';
    const headers = headers_for(session);
    const conn = await Conn.open(p.port);
    if (transfer === 'length') {
      conn.request('POST', '/v1/messages', { headers, body });
    } else {
      const lines = [['Host', `127.0.0.1:${p.port}`], ...headers, ['Transfer-Encoding', 'chunked']].map((h) => h.join(': '));
      conn.write(`POST /v1/messages HTTP/1.1\r\n${lines.join('\r\n')}\r\n\r\n${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n`);
    }
    assert.equal((await conn.answer_whole('POST')).status, 200);
    const [x] = up.seen(session);
    assert.equal(x.body.toString(), body.replace('"claude-small"', '"claude-haiku-\\"5\\"-longer"'));
    assert.equal(x.header('x-api-key'), 'sk-ant-test-0', 'the client\'s own credentials go to Anthropic');
    const row = await p.row(session);
    assert.equal((await p.body(row.id, 'request')).toString(), body, 'recorded is what the client sent');
    assert.equal(row.provider, 'anthropic');
  }
});

test('agents by subagents.mappings, by SUBAGENT_MAPPINGS, and not without being switched on', async () => {
  const mappings = { Explore: 'local:mapped' };
  assert.equal((await where(await start({ subagents: { enable: true, mappings } }), explore)).to, 'mapped');
  assert.equal((await where(await start({ subagents: { mappings } }), explore)).to, 'anthropic');
  assert.equal((await where(await start({ routing: { agent_routing: true }, subagents: { mappings } }), explore)).to, 'mapped');
  const p = await start({ subagents: { mappings: { Plan: 'local:plan' } } }, { SUBAGENT_MAPPINGS: 'Explore:local:from-environment,b:o3' });
  const got = await where(p, explore);
  assert.equal(got.to, 'from-environment');
  assert.equal((await p.row(got.session)).route, 'subagents.mappings.Explore');
  assert.equal((await p.row(got.session)).agent_name ?? (await p.row(got.session)).agent_type, 'Explore');
  assert.equal((await where(p)).to, 'anthropic', 'the conversation that called it stays');
});

test('OPENAI_BASE_URL with the default models, with /v1 and without, no key needed here', async () => {
  for (const url of [chat.url, chat.origin, `${chat.url}/`]) {
    const p = await start({}, { OPENAI_BASE_URL: url, ANTHROPIC_DEFAULT_OPUS_MODEL: 'deepseek-r1:70b', ANTHROPIC_DEFAULT_HAIKU_MODEL: 'claude-haiku-4-5' });
    const got = await where(p);
    assert.equal(got.to, 'deepseek-r1:70b');
    assert.equal(got.seen.url, '/v1/chat/completions');
    assert.equal(got.seen.headers.authorization, undefined);
    assert.equal((await p.row(got.session)).route_target, 'openai:deepseek-r1:70b');
    assert.equal((await where(p, { body: { model: 'claude-haiku-5' } })).to, 'anthropic', 'that variable is Claude Code\'s');
    assert.equal((await where(p, { body: { model: 'claude-sonnet-5' } })).to, 'anthropic');
  }
  const p = await start({}, { OPENAI_BASE_URL: chat.url, OPENAI_API_KEY: 'sk-own-1', ANTHROPIC_DEFAULT_OPUS_MODEL: 'm' });
  assert.equal((await where(p)).seen.headers.authorization, 'Bearer sk-own-1');
});

test('a fallback, agent_routing and model_routing', async () => {
  const rest = await start({ fallback: { provider: 'local', model: 'rest' }, routing: { models: { '"*haiku*"': 'local:small' } } });
  assert.equal((await where(rest)).to, 'rest');
  assert.equal((await where(rest, { body: { model: 'claude-haiku-5' } })).to, 'small');
  const stays = await start({ version: 1, routing: { agent_routing: true, model_routing: false }, fallback: { model: 'claude-sonnet-5', provider: 'anthropic' } });
  assert.equal((await where(stays)).to, 'anthropic');
  assert.equal((await where(stays, { body: { model: 'gpt-4o' } })).to, 'anthropic:claude-sonnet-5');
  const by_model = await start({ routing: { model_routing: true } }, { OPENAI_BASE_URL: chat.url });
  assert.equal((await where(by_model, { body: { model: 'gpt-4o' } })).to, 'gpt-4o');
  assert.equal((await where(by_model)).to, 'anthropic');
  await assert.rejects(start({ routing: { agent_routing: true, model_routing: true } }), /routing\.model_routing: not together with routing\.agent_routing/);
});

test('passthrough: nothing is routed, nothing is said', async () => {
  const p = await start({ routing: { models: { '"*"': 'local:x' } } }, { PASSTHROUGH_MODE: 'true' });
  const got = await where(p);
  assert.equal(got.to, 'anthropic');
  assert.equal((await p.row(got.session)).route, null);
  assert.equal((await p.api('/api/routing')).mode, 'passthrough');
});

test('shadow: Anthropic answers, untouched, and the record says what would have been', async () => {
  const p = await start({
    routing: { mode: 'shadow', models: { 'claude-small': 'openai:gpt-4o', 'claude-odd': 'local:house', 'claude-changed': 'anthropic:claude-haiku-4-5' } },
  });
  const priced = await where(p, { body: { model: 'claude-small' } });
  assert.equal(priced.to, 'anthropic');
  let row = await p.row(priced.session);
  assert.equal(row.provider, 'anthropic');
  assert.equal(row.route, 'routing.models.claude-small');
  assert.equal(row.route_target, 'openai:gpt-4o');
  assert.equal(row.shadow, true);
  /* 312 input with what was written to the cache, 4000 from the cache, 25 output; 2.50, 1.25, 10 dollars a million */
  assert.equal(row.shadow_cost_usd_micro, 312 * 2.5 + 4000 * 1.25 + 25 * 10);
  row = await p.row((await where(p, { body: { model: 'claude-odd' } })).session);
  assert.equal(row.shadow, true);
  assert.equal(row.shadow_cost_usd_micro ?? null, null, 'what the house model costs is not known');
  const changed = await where(p, { body: { model: 'claude-changed' } });
  assert.equal(changed.to, 'anthropic');
  assert.equal((await p.row(changed.session)).route_target, 'anthropic:claude-haiku-4-5');
  row = await p.row((await where(p)).session);
  assert.deepEqual([row.route, row.shadow, row.shadow_cost_usd_micro ?? null], [null, false, null]);
  assert.equal((await p.api('/api/routing')).mode, 'shadow');
});

test('a decision is explained: of a recorded request, of a file, as text and as JSON', async () => {
  const p = await start({
    routing: { models: { '"*haiku*"': 'local:small' } }, subagents: { enable: true, mappings: { Explore: 'local:mapped' } },
  });
  const got = await where(p, explore);
  const row = await p.row(got.session);
  const told = await p.api(`/api/requests/${row.id}/route`);
  assert.deepEqual(told.decision, {
    rule: 'subagents.mappings.Explore', target: 'local:mapped', is_followed: true, text: 'goes to local:mapped, by subagents.mappings.Explore',
  });
  assert.equal(told.who.agent, 'Explore');
  assert.equal(told.who.class, 'agent');
  assert.equal(told.model, 'claude-opus-5');
  assert.deepEqual(told.recorded, { rule: 'subagents.mappings.Explore', target: 'local:mapped', is_shadow: false });
  const command = (...words) => run(BINARY, ['route', 'explain', ...words, '--config', path.join(p.dir, 'test.yaml'), '--data-dir', p.data_dir], { cwd: p.dir, env: { HOME: p.dir, PATH: process.env.PATH, ...store_env(p.data_dir) } });
  assert.deepEqual(JSON.parse((await command(row.id, '--json')).stdout), told, 'also while the proxy runs');
  const text = (await command(row.id)).stdout;
  assert.match(text, /^agent {4}Explore, by marker$/m);
  assert.match(text, /^It goes to local:mapped, by subagents\.mappings\.Explore\.$/m);
  assert.match(text, /^When it was recorded it went to local:mapped, by subagents\.mappings\.Explore\.$/m);
  const file = path.join(p.dir, 'request.json');
  await fs.writeFile(file, ask_body('hi', { model: 'claude-haiku-5' }));
  const of_file = (await command(file)).stdout;
  assert.match(of_file, /subagents\.mappings\.Explore \(.*test\.yaml:\d+:\d+\)\n {4}agent: Explore is wanted, this is none$/m);
  assert.match(of_file, /^It goes to local:small, by routing\.models\.\*haiku\*\.$/m);
  assert.match((await command(file, '--agent', 'Explore')).stdout, /^It goes to local:mapped/m);
  await fs.writeFile(file, JSON.stringify({ headers: { 'x-claude-code-agent-id': 'a1' }, body: JSON.parse(ask_body('hi', { system: EXPLORE })) }));
  assert.match((await command(file)).stdout, /^It goes to local:mapped/m);
  for (const [words, code] of [[[path.join(p.dir, 'none.json')], 66], [[], 64], [['a', 'b'], 64], [[file, '--class', 'cook'], 64], [['0192f0c0-0000-7000-8000-000000000000'], 66]]) {
    await assert.rejects(command(...words), (e) => e.code === code, `${words}: ${code}`);
  }
  await fs.writeFile(file, '[1]');
  await assert.rejects(command(file), (e) => e.code === 65);
});

test('agents known by their files: listed, and known to who explains', async () => {
  const p = await start({ subagents: { enable: true, mappings: { 'code-reviewer': 'local:mapped' } } });
  const folder = path.join(p.dir, '.claude/agents');
  await fs.mkdir(folder, { recursive: true });
  const prompt = 'You review code with great care and tell what is wrong.';
  await fs.writeFile(path.join(folder, 'some-file.md'), `---\nname: code-reviewer\nmodel: opus\n---\n${prompt}\n`);
  const listed = await until(async () => (await p.api('/api/routing')).agents.find((a) => a.name === 'code-reviewer'), 'the agent to be listed');
  assert.deepEqual(listed, { name: 'code-reviewer', scope: 'user', file: path.join(folder, 'some-file.md'), model: 'opus' });
  const body = { system: [{ type: 'text', text: `${prompt}\n\nNotes: more` }] };
  assert.equal((await where(p, { body, headers: agent('a-9') })).to, 'mapped');
  const file = path.join(p.dir, 'request.json');
  await fs.writeFile(file, JSON.stringify({ headers: { 'x-claude-code-agent-id': 'a-9' }, body: JSON.parse(ask_body('hi', body)) }));
  const { stdout } = await run(BINARY, ['route', 'explain', file, '--config', path.join(p.dir, 'test.yaml')], { cwd: p.dir, env: { HOME: p.dir, PATH: process.env.PATH } });
  assert.match(stdout, /^agent {4}code-reviewer, by definition$/m);
  assert.match(stdout, /^It goes to local:mapped, by subagents\.mappings\.code-reviewer\.$/m);
});

test('rules that are read again keep their count', async () => {
  const routing = (to) => ({ routing: { models: { '"claude-a*"': `local:${to}`, '"claude-b*"': 'local:b' } } });
  const config = (to) => ({ providers: { local: { format: 'openai', base_url: chat.url } }, ...routing(to) });
  const p = await start(routing('one'));
  assert.equal((await where(p, { body: { model: 'claude-a' } })).to, 'one');
  await p.reload(config('two'));
  assert.equal((await where(p, { body: { model: 'claude-a' } })).to, 'two');
  assert.deepEqual((await p.api('/api/routing')).rules.map((r) => [r.target.model, r.hits, r.last_hit_at === null]), [['two', 2, false], ['b', 0, true]]);
});

test('another Claude model for a request that is asked as a stream', async () => {
  const p = await start({ routing: { models: { 'claude-small': 'anthropic:claude-haiku-5' } } }, { ANTHROPIC_DEMOTE_NONSTREAMING: 'true' });
  const session = session_id();
  const got = await ask(p.port, 'POST', '/v1/messages', { headers: headers_for(session), body: ask_body('hi', { model: 'claude-small', stream: false }) });
  assert.equal(got.status, 200);
  assert.deepEqual(JSON.parse(got.body).content, [{ type: 'text', text: 'claude' }]);
  const [x] = up.seen(session);
  const asked = JSON.parse(x.body);
  assert.deepEqual([asked.model, asked.stream], ['claude-haiku-5', true]);
  assert.equal(x.header('content-length'), String(x.body.length));
});
