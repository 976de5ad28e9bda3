/*
 * claude.test.mjs: the real Claude Code through the proxy: a plain turn, a tool turn, a sub-agent
 * turn. The rows say who asked what, and every body equals the provider's ledger byte for byte.
 */
import { after, before, test } from 'node:test';
import assert from 'node:assert/strict';
import fs from 'node:fs/promises';
import path from 'node:path';
import { run_claude, skip } from '../lib/claude.mjs';
import { stream_events } from '../lib/messages.mjs';
import { temp_dir } from '../lib/proxy.mjs';
import { same_bytes, with_proxy } from '../lib/suite.mjs';
import { until } from '../lib/wait.mjs';

/* HOME of the client: its transcripts are there, and the proxy follows them. */
let home;
const config = { transcripts: { dir: '' } };
if (!skip) {
  before(async () => {
    home = await temp_dir('claude');
    config.transcripts.dir = path.join(home, '.claude/projects');
  });
  after(() => fs.rm(home, { recursive: true, force: true }));
}
const t = skip ? {} : with_proxy({ config });

/* The provider: answers by what the conversation has come to. */
function provider(answer) {
  let number = 0;
  return async (x) => {
    const body = await x.received();
    if (x.path !== '/v1/messages') {
      if (x.path === '/v1/messages/count_tokens') await x.json(200, { input_tokens: 10 });
      else await x.respond(x.method === 'HEAD' ? 200 : 404, [['Content-Type', 'application/json']], x.method === 'HEAD' ? '' : '{}');
      return;
    }
    number += 1;
    const request = JSON.parse(body);
    const blocks = answer(request, x);
    if (request.stream) await x.events(stream_events(blocks, { id: `msg_${number}`, model: request.model }), [['request-id', `req_${number}`]]);
    else {
      await x.json(200, { id: `msg_${number}`, type: 'message', role: 'assistant', model: request.model, content: blocks, stop_reason: 'end_turn', stop_sequence: null,
        usage: { input_tokens: 1, output_tokens: 1 } }, [['request-id', `req_${number}`]]);
    }
  };
}

const text = (s) => [{ type: 'text', text: s }];
const has_tool = (request, name) => (request.tools ?? []).some((tool) => tool.name === name);
const results = (request) => request.messages.flatMap((m) => (Array.isArray(m.content) ? m.content : [])).filter((b) => b.type === 'tool_result');

const claude = (folder, args) => run_claude(t, home, folder, args);

/* Every request that the provider saw has its row, and both bodies are the ledger's. */
async function check_all(exchanges) {
  assert.ok(exchanges.length > 0);
  const rows = await until(async () => {
    const all = await t.proxy.rows();
    return all.length >= t.up.ledger.length && all.every((r) => r.state !== 'running') && all;
  }, 'all rows to have ended');
  assert.equal(rows.length, t.up.ledger.length, 'a row for each request');
  const oldest_first = rows.reverse();
  const pairs = [];
  const left = [...oldest_first];
  for (const x of exchanges) {
    const at = await find(left, x);
    assert.ok(at >= 0, `a row for ${x.line}`);
    const [row] = left.splice(at, 1);
    pairs.push({ x, row });
    same_bytes(await t.proxy.body(row.id, 'request'), x.body, `request of ${x.line}`);
    same_bytes(await t.proxy.body(row.id, 'response'), x.sent_body, `answer to ${x.line}`);
    assert.equal(row.session_id, x.session ?? null);
    assert.equal(row.agent_id, x.header('x-claude-code-agent-id') ?? null);
    assert.equal(row.parent_agent_id, x.header('x-claude-code-parent-agent-id') ?? null);
    assert.equal(row.client, x.header('user-agent') ?? null);
    if (x.path === '/v1/messages') {
      const request = JSON.parse(x.body);
      assert.equal(row.state, 'complete');
      assert.equal(row.model, request.model);
      assert.equal(row.message_count, request.messages.length);
      if (request.tools) assert.equal(row.tool_count, request.tools.length);
      assert.equal(row.stream, request.stream === true);
      if (request.stream) {
        assert.deepEqual([row.usage.input_tokens, row.usage.output_tokens, row.usage.cache_read_input_tokens, row.usage.cache_creation_input_tokens], [12, 25, 4000, 300]);
        assert.equal(row.upstream_request_id, x.sent_head.headers.find(([n]) => n === 'request-id')[1]);
      }
    }
  }
  return pairs;
}

async function find(rows, x) {
  for (const [i, row] of rows.entries()) {
    if (row.method !== x.method || row.path !== x.path || row.request_bytes !== x.body.length) continue;
    if ((row.agent_id ?? undefined) !== x.header('x-claude-code-agent-id')) continue;
    if ((await t.proxy.body(row.id, 'request')).equals(x.body)) return i;
  }
  return -1;
}

const messages_of = (pairs) => pairs.filter(({ x }) => x.path === '/v1/messages');

test('a plain turn', { skip, timeout: 180000 }, async () => {
  const folder = await fs.mkdtemp(path.join(home, 'plain-'));
  t.up.fallback = provider(() => text('Hello from the mock.'));
  const { out, exchanges } = await claude(folder, ['say hello', '--output-format', 'json']);
  const told = JSON.parse(out);
  assert.equal(told.result, 'Hello from the mock.');
  const pairs = messages_of(await check_all(exchanges));
  const main = pairs.filter(({ x }) => JSON.stringify(JSON.parse(x.body).messages).includes('say hello'));
  assert.ok(main.length >= 1);
  for (const { row } of main) {
    assert.equal(row.session_id, told.session_id);
    assert.equal(row.agent_id, null);
    assert.equal(row.stop_reason, 'end_turn');
  }
  assert.ok(main.some(({ row }) => row.title?.includes('say hello')), `a title, got ${main.map(({ row }) => row.title)}`);
  /* The client's own sums over this session are ours. */
  const sum = (key) => pairs.reduce((n, { row }) => n + (row.usage[key] ?? 0), 0);
  assert.equal(sum('output_tokens') >= told.usage.output_tokens, true);
});

test('a Bash turn: the tool runs and its result goes back', { skip, timeout: 180000 }, async () => {
  const folder = await fs.mkdtemp(path.join(home, 'bash-'));
  t.up.fallback = provider((request) => {
    if (results(request).length) return text('The tool has run.');
    if (has_tool(request, 'Bash'))
      return [{ type: 'text', text: 'I run it.' }, { type: 'tool_use', id: 'toolu_bash1', name: 'Bash', input: { command: 'echo from-the-tool > made.txt; cat made.txt', description: 'Make a file' } }];
    return text('no tools');
  });
  const { out, exchanges } = await claude(folder, ['make a file', '--allowedTools', 'Bash', '--output-format', 'json']);
  const told = JSON.parse(out);
  assert.equal(told.result, 'The tool has run.');
  assert.equal(await fs.readFile(path.join(folder, 'made.txt'), 'utf8'), 'from-the-tool\n');
  const pairs = messages_of(await check_all(exchanges));
  const calls = pairs.filter(({ row }) => row.stop_reason === 'tool_use');
  assert.equal(calls.length, 1);
  assert.equal(calls[0].row.tool_use_count, 1);
  const { message } = await t.proxy.message(calls[0].row.id);
  assert.deepEqual(message.content[1], { type: 'tool_use', id: 'toolu_bash1', name: 'Bash', input: { command: 'echo from-the-tool > made.txt; cat made.txt', description: 'Make a file' } });
  const back = pairs.filter(({ x }) => results(JSON.parse(x.body)).some((r) => r.tool_use_id === 'toolu_bash1'));
  assert.ok(back.length >= 1);
  for (const { row } of [...calls, ...back]) assert.equal(row.session_id, told.session_id);
});

test('a sub-agent turn: the agent\'s requests carry its id and the parent\'s session', { skip, timeout: 180000 }, async () => {
  const folder = await fs.mkdtemp(path.join(home, 'agent-'));
  await fs.mkdir(path.join(folder, '.claude/agents'), { recursive: true });
  await fs.writeFile(path.join(folder, '.claude/agents/finder.md'),
    '---\nname: word-finder\ndescription: Finds words. Use it when asked for words.\n---\nYou are the word finder of this test. Find words.\n');
  let spawn_name = null;
  t.up.fallback = provider((request, x) => {
    if (x.header('x-claude-code-agent-id')) return text('The word is xylophone.');
    if (results(request).length) return text('The agent said: xylophone.');
    spawn_name = ['Agent', 'Task'].find((name) => has_tool(request, name)) ?? spawn_name;
    if (has_tool(request, 'Agent') || has_tool(request, 'Task'))
      return [{ type: 'tool_use', id: 'toolu_agent1', name: spawn_name, input: { subagent_type: 'word-finder', description: 'Find a word', prompt: 'Find me a word with x.' } }];
    return text('no tools');
  });
  const { out, exchanges } = await claude(folder, ['ask the word finder', '--allowedTools', 'Agent', 'Task', '--output-format', 'json']);
  const told = JSON.parse(out);
  assert.ok(spawn_name, 'the client offered a tool that spawns agents');
  const pairs = messages_of(await check_all(exchanges));
  const by_agent = pairs.filter(({ row }) => row.agent_id !== null);
  assert.ok(by_agent.length >= 1, 'a request of the sub-agent');
  assert.equal(new Set(by_agent.map(({ row }) => row.agent_id)).size, 1);
  for (const { x, row } of by_agent) {
    assert.equal(row.session_id, told.session_id, 'the parent\'s session');
    assert.match(JSON.stringify(JSON.parse(x.body).system), /You are the word finder of this test/);
  }
  const mine = pairs.filter(({ row }) => row.agent_id === null && row.session_id === told.session_id);
  assert.ok(mine.length >= 1);
  assert.ok(mine.some(({ row }) => row.tool_use_count === 1));
  const listed = await t.proxy.rows(`session=${told.session_id}&agent=${by_agent[0].row.agent_id}`);
  assert.equal(listed.length, by_agent.length);
  const { sessions } = await t.proxy.api('/api/sessions?limit=500');
  const session = sessions.find((s) => s.session_id === told.session_id);
  assert.ok(session);
  assert.equal(session.agent_count, 1);
  await check_session(told.session_id, by_agent[0].row.agent_id, mine, by_agent);
});

/* The session as a tree, the agent's name among it, and the client's own transcripts of both. */
async function check_session(session_id, agent_id, mine, by_agent) {
  const s = await until(async () => {
    const now = await t.proxy.api(`/api/sessions/${session_id}`);
    return now.transcripts.length === 2 && now.unrecorded_count === 0
      && now.agents.every((a) => a.requests.some((r) => r.in_transcript)) && now;
  }, 'both transcripts of the session, joined to its requests');
  assert.deepEqual(s.agents.map((a) => [a.agent_id, a.parent]), [[null, null], [agent_id, 0]]);
  assert.equal(s.agents[1].agent_type, 'word-finder');
  assert.equal(s.agents[1].description, 'Find a word');
  assert.equal(s.agents[0].request_count, mine.length);
  assert.equal(s.agents[0].total.request_count, mine.length + by_agent.length);
  for (const file of s.transcripts) {
    const page = await t.proxy.api(`/api/transcripts/${file.id}?limit=500`);
    assert.equal(page.missing, null);
    const answers = page.lines.filter((l) => l.kind === 'assistant');
    assert.ok(answers.length >= 1);
    for (const line of answers) {
      assert.ok(line.request_id, `a recorded request for ${line.upstream_request_id}`);
      const row = (file.agent_id ? by_agent : mine).find((p) => p.row.id === line.request_id);
      assert.ok(row, 'of the same agent');
      assert.equal(row.row.upstream_request_id, line.upstream_request_id);
      assert.equal(line.is_sidechain, file.agent_id !== null);
    }
    assert.ok(page.lines.some((l) => l.parent_uuid && page.lines.some((p) => p.uuid === l.parent_uuid)), 'parent links');
  }
  /* what was said, as one chat: the call, its result, the answer */
  const chat = await t.proxy.api(`/api/conversations/${mine.find(({ row }) => row.tool_use_count === 1).row.id}`);
  const said = JSON.stringify(chat.messages);
  assert.match(said, /ask the word finder/);
  assert.match(said, /toolu_agent1/);
  assert.match(said, /The agent said: xylophone/);
  assert.equal(chat.missing, undefined);
}

test('an overloaded provider: the client\'s retries are rows of their own', { skip, timeout: 180000 }, async () => {
  const folder = await fs.mkdtemp(path.join(home, 'busy-'));
  let refused = 0;
  const right = provider(() => text('At last.'));
  t.up.fallback = async (x) => {
    if (x.path !== '/v1/messages' || refused >= 2) return right(x);
    refused += 1;
    await x.received();
    return x.json(529, { type: 'error', error: { type: 'overloaded_error', message: 'Overloaded' } }, [['retry-after', '0']]);
  };
  const { out, exchanges } = await claude(folder, ['try hard', '--output-format', 'json']);
  assert.equal(JSON.parse(out).result, 'At last.');
  const rows = await until(async () => {
    const all = await t.proxy.rows();
    return all.length === t.up.ledger.length && all.every((r) => r.state !== 'running') && all;
  }, 'all rows');
  assert.equal(rows.filter((r) => r.status === 529 && r.state === 'upstream_error').length, 2);
  assert.ok(exchanges.length >= 3);
});
