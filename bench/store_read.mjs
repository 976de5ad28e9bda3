// What reading a large store costs while recording goes on: p50 and p99 of what the dashboard asks.
//
//   bench-fill /tmp/million/requests.db 1000000
//   node bench/store_read.mjs --where /tmp/million/requests.db [--rate 2000] [--samples 300] [--only filter]
//
// --where may be a postgres:// URL. --rate: requests relayed and recorded a second meanwhile (0: none).
// --search: wait until the text index has caught up, and ask it too (else there is none). The store grows by what is recorded.

import http from 'node:http';
import os from 'node:os';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { startMock } from './lib/peers.mjs';
import { LOAD_CORE, PROXY_CORE, said, setNiceness, start, stop, stopAll } from './lib/proc.mjs';

const here = dirname(fileURLToPath(import.meta.url));
const { values: given } = parseArgs({ options: {
  where: { type: 'string' }, rate: { type: 'string', default: '2000' }, samples: { type: 'string', default: '300' },
  build: { type: 'string', default: join(here, '../build') }, days: { type: 'string', default: '90' },
  dir: { type: 'string' }, only: { type: 'string', default: '' }, search: { type: 'boolean', default: false }, nice: { type: 'string', default: '0' } } });
if (!given.where) throw new Error('--where FILE or postgres://… is missing');

const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
let port;

// One question: how long until the whole answer was there.
function ask(path) {
  return new Promise((resolve, reject) => {
    const begun = process.hrtime.bigint();
    const request = http.get({ host: '127.0.0.1', port, path, agent, timeout: 30000 }, (answer) => {
      const parts = [];
      answer.on('data', (data) => parts.push(data));
      answer.on('end', () => resolve({ ms: Number(process.hrtime.bigint() - begun) / 1e6, status: answer.statusCode,
        text: Buffer.concat(parts).toString() }));
    });
    request.once('error', reject);
    request.once('timeout', () => request.destroy(new Error(`${path}: no answer`)));
  });
}

const json = async (path) => JSON.parse((await ask(path)).text);
const at = (share) => {
  const sorted = (list) => [...list].sort((a, b) => a - b);
  return (list) => sorted(list)[Math.min(list.length - 1, Math.floor(list.length * share))];
};
const any = (list) => list[Math.floor(Math.random() * list.length)];
const span = Number(given.days) * 86400000;
const time = (ms) => encodeURIComponent(new Date(ms).toISOString());
const some_time = () => time(Date.now() - Math.random() * span);
const range = () => {
  const length = any([3600000, 86400000, 7 * 86400000, 30 * 86400000, span]);
  const from = Date.now() - length - Math.random() * (span - length);
  return `start=${time(from)}&end=${time(from + length)}`;
};

let sessions = [];
let cursors = [];
const words = ['version', 'perverous', 'buffer', 'previous trumble', '"work can"', 'specspec', 'merv*', 'should wrong'];

// name, what is wanted at p99 in ms, the question
const questions = [
  ['list, newest 50', 10, () => '/api/requests?limit=50'],
  ['next page', 10, () => `/api/requests?limit=50&cursor=${any(cursors)}`],
  ['list before a time', 10, () => `/api/requests?limit=50&end=${some_time()}`],
  ['filter: model', 10, () => '/api/requests?limit=50&model=claude-haiku-4-5'],
  ['filter: session', 10, () => `/api/requests?limit=50&session=${any(sessions)}`],
  ['filter: status 4xx', 10, () => '/api/requests?limit=50&status=4xx'],
  ['filter: failed', 10, () => '/api/requests?limit=50&state=upstream_error'],
  ['filter: project', 10, () => `/api/requests?limit=50&project=/home/dev/project-${Math.floor(Math.random() * 40)}`],
  ['filter: a day and a model', 10, () => `/api/requests?limit=50&model=claude-opus-4-8&start=${time(Date.now() - 5 * 86400000)}&end=${time(Date.now() - 4 * 86400000)}`],
  ['filter: text in titles', 10, () => `/api/requests?limit=50&q=${any(['perverous', 'buffer', 'trumb'])}`],
  ['filter: a word, nowhere', 10, () => '/api/requests?limit=50&q=nowhere'],
  ['filter: an id, nowhere', 10, () => `/api/requests?limit=50&q=req_${Math.floor(Math.random() * 1e9)}`],
  ['filter: tool', 10, () => `/api/requests?limit=50&tool=${any(['Bash', 'Read'])}`],
  ['filter: tool nobody called', 10, () => '/api/requests?limit=50&tool=NotebookEdit'],
  ['sessions', 10, () => '/api/sessions?limit=50'],
  ['chart: totals, any range', 50, () => `/api/stats?${range()}`],
  ['chart: by hour, any range', 50, () => `/api/stats/hourly?${range()}`],
  ['chart: by hour, all, one model', 50, () => `/api/stats/hourly?start=${time(Date.now() - span)}&model=claude-haiku-4-5`],
  ['chart: by day, any range', 50, () => `/api/stats/daily?${range()}`],
  ['chart: by model, all', 50, () => '/api/stats/models'],
  ['chart: performance, any range', 50, () => `/api/stats/performance?${range()}`],
  ['conversation of 100 turns', 20, () => `/api/conversations/${any(conversations)}`],
  ['session of 100 turns and more', 20, () => `/api/sessions/${any(sessions)}`],
  ['full text, top 50', 50, () => `/api/search?limit=50&q=${encodeURIComponent(any(words))}`],
];
let conversations = [];

async function prepare() {
  let cursor = '';
  for (let i = 0; i < 20; i += 1) {
    const page = await json(`/api/requests?limit=500&end=${some_time()}${cursor}`);
    if (page.next_cursor) cursors.push(encodeURIComponent(page.next_cursor));
  }
  const last = await json(`/api/requests?limit=1&end=${time(Date.now() - 86400000)}`);
  const newest = Number(/\d+/.exec(last.requests[0].session_id)[0]);
  for (let number = 7; number < newest; number += 10) if (number % 3 !== 2) sessions.push(`session-${String(number).padStart(7, '0')}`);
  sessions = sessions.filter((_, i) => i % Math.ceil(sessions.length / 200) === 0);
  for (const session of sessions.slice(0, 40)) {
    const found = await json(`/api/conversations?session=${session}`);
    conversations.push(...found.conversations.filter((c) => c.request_count === 100).map((c) => c.id));
  }
}

async function measure([name, wanted, path], samples) {
  const times = [];
  const bad = {};
  const end = Date.now() + 40000;
  for (let i = 0; i < samples && Date.now() < end; i += 1) {
    const got = await ask(path());
    times.push(got.ms);
    if (got.status !== 200) bad[got.status] = (bad[got.status] ?? 0) + 1;
  }
  const p = (share) => at(share)(times).toFixed(1).padStart(8);
  console.log(`${name.padEnd(32)}${p(0.5)}${p(0.99)}${String(wanted).padStart(8)}   ${at(0.99)(times) <= wanted ? 'ok' : 'SLOW'}`
    + `  n=${times.length}${Object.keys(bad).length ? ` not 200: ${JSON.stringify(bad)}` : ''}`);
}

// What a page leaves for the next ones: all of them, until nothing is left to look at.
async function to_the_end(filter) {
  const begun = Date.now();
  let pages = 0;
  for (let cursor = ''; cursor !== null; pages += 1) {
    const { next_cursor: next } = await json(`/api/requests?limit=500&${filter}${cursor}`);
    cursor = next && `&cursor=${encodeURIComponent(next)}`;
  }
  console.log(`${filter}, to the end: ${pages} pages, ${((Date.now() - begun) / 1000).toFixed(2)} s`);
}

async function catch_up() {
  const begun = Date.now();
  for (;;) {
    const { search } = await json('/api/stats');
    if (search && search.waiting === 0) break;
    if (Date.now() - begun > 3600000) throw new Error('the text index does not catch up');
    await new Promise((resolve) => { setTimeout(resolve, 2000); });
  }
  console.log(`text index complete after ${((Date.now() - begun) / 1000).toFixed(0)} s`);
}

async function main() {
  setNiceness(Number(given.nice));
  const dir = given.dir ?? mkdtempSync(join(os.tmpdir(), 'store-read-'));
  mkdirSync(dir, { recursive: true });
  const mock = await startMock({ build: given.build }, LOAD_CORE);
  const config = join(dir, 'config.yaml'); // an index that is still catching up would be measured too
  writeFileSync(config, `storage:\n  search: ${given.search}\n`);
  const is_postgres = given.where.includes(':');
  const proxy = start(PROXY_CORE, [join(given.build, 'claude-code-proxy'), 'serve', '--config', config, '--host', '127.0.0.1', '--port', '0', '--data-dir', join(dir, 'data')], { env: {
    PATH: process.env.PATH, HOME: dir, ANTHROPIC_FORWARD_URL: `http://127.0.0.1:${mock.port}`,
    ...(is_postgres ? { DB_TYPE: 'postgres', DATABASE_URL: given.where } : { DB_PATH: given.where }) } });
  port = Number((await said(proxy, /listening\b.*\bport=(\d+)/))[1]);
  await prepare();
  const { total } = await json('/api/requests?limit=1');
  if (given.search) await catch_up();
  const load = Number(given.rate) && start(LOAD_CORE, [join(given.build, 'bench/bench-load'), 'open', '--port', String(port), '--connections', '32',
    '--seconds', '3600', '--rate', given.rate, '--profile', 'small', '--small-from', '1024', '--small-to', '4096']);
  console.log(`${total} requests in ${is_postgres ? 'PostgreSQL' : 'SQLite'}; ${given.rate} a second are recorded meanwhile; load average ${os.loadavg()[0].toFixed(1)}`);
  console.log(`${'ms'.padEnd(32)}${'p50'.padStart(8)}${'p99'.padStart(8)}${'wanted'.padStart(8)}`);
  for (const q of questions) if ((given.search || !q[0].startsWith('full text')) && q[0].includes(given.only)) await measure(q, Number(given.samples));
  if (!given.only) for (const filter of ['q=req_987654321', 'q=perverous']) await to_the_end(filter);
  const { recorder } = await json('/api/stats');
  const after = await json('/api/requests?limit=1');
  console.log(`${after.total - total} recorded meanwhile; not stored yet: ${recorder.lag_bytes} bytes`);
  if (load) await stop(load);
  await stop(proxy);
  await mock.stop();
  if (!given.dir) rmSync(dir, { recursive: true, force: true });
}

main().catch((e) => {
  console.error(e.stack);
  process.exitCode = 1;
}).finally(stopAll);
