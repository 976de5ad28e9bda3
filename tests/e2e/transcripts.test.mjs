/*
 * transcripts.test.mjs: the client's own transcripts: followed as they grow, joined to recorded
 * requests, read only where they are, and nowhere else.
 */
import { after, before, test } from 'node:test';
import assert from 'node:assert/strict';
import fs from 'node:fs/promises';
import path from 'node:path';
import { randomUUID } from 'node:crypto';
import { ask } from '../lib/client.mjs';
import { ask_body, headers_for, session_id, text_stream } from '../lib/messages.mjs';
import { Proxy, temp_dir } from '../lib/proxy.mjs';
import { Upstream } from '../lib/upstream.mjs';
import { until } from '../lib/wait.mjs';

let up, proxy, dir, project;

before(async () => {
  dir = await temp_dir('transcripts');
  project = path.join(dir, 'projects', '-home-me-shop');
  await fs.mkdir(project, { recursive: true });
  up = await Upstream.start();
  proxy = await Proxy.start({ upstream: up, config: { transcripts: { dir: path.join(dir, 'projects') } } });
});
after(async () => {
  try {
    assert.deepEqual(await proxy?.stop(), { code: 0, signal: null });
  } finally {
    await up?.stop();
    await fs.rm(dir, { recursive: true, force: true });
  }
});

const line = (session, more) => `${JSON.stringify({
  parentUuid: null, isSidechain: false, uuid: randomUUID(), timestamp: new Date().toISOString(), cwd: '/home/me/shop',
  sessionId: session, gitBranch: 'main', ...more })}\n`;
const asked = (session, text, more = {}) => line(session, { type: 'user', message: { role: 'user', content: text }, ...more });
const answered = (session, request, text, more = {}) => line(session, {
  type: 'assistant', requestId: request, message: { id: `msg_${request}`, role: 'assistant', content: [{ type: 'text', text }] }, ...more });

const file_of = (session) => path.join(project, `${session}.jsonl`);
const listed = async (session) => (await proxy.api(`/api/transcripts?session=${session}`)).transcripts;
const with_lines = (session, count) => until(async () => {
  const found = await listed(session);
  return found.length === 1 && found[0].line_count === count && found[0];
}, `${count} lines of ${session}`);

async function record(session, request) {
  up.on(session, async (x) => {
    await x.received();
    await x.events(text_stream('recorded'), [['request-id', request]]);
  });
  await ask(proxy.port, 'POST', '/v1/messages', { headers: headers_for(session), body: ask_body() });
  return proxy.row(session);
}

test('a transcript grows, and its lines are joined to requests', async () => {
  const session = session_id();
  const row = await record(session, 'req_joined');
  await fs.writeFile(file_of(session), asked(session, 'Fix the shop') + answered(session, 'req_joined', 'Done').slice(0, 40));
  const first = await with_lines(session, 1);
  assert.equal(first.title, 'Fix the shop');
  assert.equal(first.project, '-home-me-shop');
  assert.equal(first.cwd, '/home/me/shop');
  assert.equal(first.branch, 'main');
  assert.equal(first.session_id, session);
  assert.equal(first.agent_id, null);
  /* the rest of the line, and one of a request that never came this way */
  await fs.truncate(file_of(session), first.read_bytes);
  await fs.appendFile(file_of(session), answered(session, 'req_joined', 'Done') + answered(session, 'req_elsewhere', 'More'));
  const now = await with_lines(session, 3);
  assert.equal(now.id, first.id);
  const page = await proxy.api(`/api/transcripts/${now.id}`);
  assert.equal(page.missing, null);
  assert.deepEqual(page.lines.map((l) => l.kind), ['user', 'assistant', 'assistant']);
  assert.deepEqual(page.lines.map((l) => l.request_id), [null, row.id, null]);
  assert.deepEqual(page.lines.map((l) => l.upstream_request_id), [null, 'req_joined', 'req_elsewhere']);
  assert.equal(page.lines[1].line.message.content[0].text, 'Done');
  const part = await proxy.api(`/api/transcripts/${now.id}?limit=1&from=${page.lines[1].position}`);
  assert.deepEqual(part.lines, [page.lines[1]]);
  assert.equal(part.next_from, page.lines[2].position);
  const s = await proxy.api(`/api/sessions/${session}`);
  assert.equal(s.agents[0].requests[0].in_transcript, true);
  assert.equal(s.unrecorded_count, 1);
  assert.deepEqual(s.transcripts.map((x) => x.id), [now.id]);
  const { sessions } = await proxy.api('/api/sessions?project=-home-me-shop');
  assert.ok(sessions.some((x) => x.session_id === session));
  assert.deepEqual((await proxy.api('/api/sessions?project=-elsewhere')).sessions, []);
});

test('sub-agents: type and description from what the client wrote beside', async () => {
  const session = session_id();
  await record(session, 'req_main');
  await fs.writeFile(file_of(session), asked(session, 'Ask an agent'));
  const folder = path.join(project, session, 'subagents');
  await fs.mkdir(folder, { recursive: true });
  await fs.writeFile(path.join(folder, 'agent-a77.meta.json'), JSON.stringify({ agentType: 'finder', description: 'Find it', toolUseId: 'toolu_9' }));
  await fs.writeFile(path.join(folder, 'agent-a77.jsonl'), asked(session, 'Find', { isSidechain: true, agentId: 'a77' }));
  const both = await until(async () => {
    const found = await listed(session);
    return found.length === 2 && found;
  }, 'both transcripts');
  const agent = both.find((x) => x.agent_id === 'a77');
  assert.equal(agent.agent_type, 'finder');
  assert.equal(agent.tool_use_id, 'toolu_9');
  const page = await proxy.api(`/api/transcripts/${agent.id}`);
  assert.equal(page.lines[0].is_sidechain, true);
});

test('cut, replaced, and gone', async () => {
  const session = session_id();
  await fs.writeFile(file_of(session), asked(session, 'one') + asked(session, 'two') + asked(session, 'three'));
  const long = await with_lines(session, 3);
  await fs.writeFile(file_of(session), asked(session, 'only this'));
  const short = await with_lines(session, 1);
  assert.equal(short.title, 'only this');
  assert.equal(short.id, long.id);
  await fs.rm(file_of(session));
  const gone = await proxy.api(`/api/transcripts/${short.id}`).catch((e) => e);
  if (!(gone instanceof Error)) {
    assert.equal(gone.missing, 'not_found');
    assert.equal(gone.lines[0].line, null);
  }
  await until(async () => (await listed(session)).length === 0, 'the transcript to be forgotten');
  assert.equal((await proxy.get(`/api/transcripts/${short.id}`)).status, 404);
});

test('nothing outside the folder can be reached', async () => {
  const session = session_id();
  const secret = path.join(dir, `${session}.jsonl`);
  await fs.writeFile(secret, asked(session, 'a secret'));
  await fs.symlink(secret, file_of(session));
  await fs.symlink(dir, path.join(dir, 'projects', 'linked'));
  /* a plain one after it tells that the walk has been there */
  const other = session_id();
  await fs.writeFile(file_of(other), asked(other, 'plain'));
  const plain = await with_lines(other, 1);
  assert.deepEqual(await listed(session), []);
  for (const id of ['..', '%2e%2e', '..%2f..%2fetc%2fpasswd', session, '%00', 'ffffffffffffffff', '0000000000000000']) {
    const { status } = await proxy.get(`/api/transcripts/${id}`);
    assert.ok(status === 404 || status === 400, `${id}: ${status}`);
  }
  /* a file that became a link after it was read */
  await fs.rename(file_of(other), `${secret}.moved`);
  await fs.symlink(`${secret}.moved`, file_of(other));
  const res = await proxy.get(`/api/transcripts/${plain.id}`);
  if (res.status === 200) assert.equal(JSON.parse(res.body).lines[0].line, null);
  else assert.equal(res.status, 404);
});

test('switched off by one key', async () => {
  const off = await Proxy.start({ upstream: up, config: { transcripts: { enabled: false, dir: path.join(dir, 'projects') } } });
  try {
    assert.deepEqual(await off.api('/api/transcripts'), { is_enabled: false, transcripts: [], next_before: null });
  } finally {
    await off.stop();
  }
});
