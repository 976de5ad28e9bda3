// A stand-in for the proxy while the dashboard is worked on: docs/api.md with made-up data, and web/build as
// the proxy would serve it, with the same policy. No dependencies.
//   node dev/mock-api.mjs [--port N] [--rows N] [--live] [--hostile] [--empty]
// /__mock/* are for tests: start, finish, loss, routing (mode, error), drop (live connections), reports (of broken
// policy).
import { createReadStream, existsSync, statSync } from 'node:fs';
import { createServer } from 'node:http';
import { extname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';
import { hostileTexts } from './hostile.mjs';
import { explanationOf, providersOf, routingOf } from './mock-routing.mjs';
import { searchIn } from './mock-search.mjs';
import { setupOf } from './mock-setup.mjs';
import { conversationOf, transcriptLinesOf, transcriptsOf, treeOf } from './mock-threads.mjs';
import { makeBody, makeHostileBody, makeHostileMessage, makeMessage, makeRow, makeSession, makeStream, randomFrom } from './mock-data.mjs';

const build = fileURLToPath(new URL('../build', import.meta.url));
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types svelte-trusted-html dashboard-worker; report-uri /__mock/report";
const types = { '.html': 'text/html; charset=utf-8', '.js': 'text/javascript', '.css': 'text/css', '.svg': 'image/svg+xml', '.woff2': 'font/woff2', '.txt': 'text/plain; charset=utf-8', '.json': 'application/json' };
const most_counted = 5000; // rows that the mock's statistics look at
const sum = (rows, of) => rows.reduce((total, row) => total + (of(row) ?? 0), 0);

export function startMock({ port = 0, rows: count = 400, live = false, hostile = false, empty = false } = {}) {
  const routing = { mode: 'on', error: null, texts: hostile ? hostileTexts : null, empty };
  const random = randomFrom(7);
  const known = new Map();
  let rows = [];
  const sessions = [];
  const readers = new Set();
  const reports = [];
  const timers = new Set();
  let event_id = 0;
  const recorder = { exchanges: 0, running: 0, lag_bytes: 0 };
  const losses = [['journal_write', 'lost', 'frames', 'the journal cannot be written: the disk is full or broken'], ['journal_torn', 'damaged', 'bytes', 'the end of a segment was cut off by a crash'], ['store_busy', 'late', 'commits', 'the store did not take a batch; it is tried again'], ['overloaded', 'refused', 'requests', 'too many requests at once']]
    .concat(hostile ? hostileTexts.map((text) => [text, 'lost', text, text]) : [])
    .map(([reason, effect, unit, text]) => ({ reason, effect, unit, text, since_start: hostile ? 1 : 0, all_time: hostile ? 1 : 0, last_at: null }));

  function add(made) {
    known.set(made.row.id, made);
    rows.unshift(made.row);
  }
  function fill() {
    let ms = Date.now() - count * 21_000;
    for (let n = 0; n < count; n++) {
      if (n % 40 === 0) sessions.push(makeSession(sessions.length, random, ms));
      ms += 2000 + random() * 38_000 * Math.min(1, 0.3 + random());
      const made = makeRow(Math.min(ms, Date.now() - 4000 + n), n, random, sessions.at(-1 - Math.floor(random() ** 1.6 * Math.min(4, sessions.length))), hostile);
      known.set(made.row.id, made);
      rows.push(made.row);
    }
    rows.sort((a, b) => (a.started_at < b.started_at ? 1 : -1));
  }
  if (!empty) fill();

  function send(name, row) {
    event_id++;
    for (const reader of readers) reader.write(`id: ${event_id}\nevent: ${name}\ndata: ${JSON.stringify(row)}\n\n`);
  }
  /** A request that runs: grows until finish() is called, or by itself after some seconds when live. */
  function begin() {
    if (!sessions.length) sessions.push(makeSession(0, random, Date.now()));
    const made = makeRow(Date.now(), known.size, random, live ? sessions.at(-1 - Math.floor(random() * Math.min(3, sessions.length))) : sessions.at(-1), hostile);
    const final = { ...made.row };
    Object.assign(made.row, { state: 'running', status: null, duration_ms: null, ttfb_ms: null, first_token_ms: null, stop_reason: null, error: null, response_bytes: 0, client_bytes: 0, chunk_count: 0, usage: null });
    made.final = final;
    add(made);
    send('request.started', made.row);
    return made;
  }
  function grow(made, part) {
    const { row, final } = made;
    Object.assign(row, { status: 200, ttfb_ms: final.ttfb_ms, first_token_ms: final.first_token_ms, response_bytes: Math.floor(final.response_bytes * part), chunk_count: Math.floor(final.chunk_count * part), usage: final.usage && { ...final.usage, output_tokens: Math.floor(final.usage.output_tokens * part) } });
    send('request.progress', row);
  }
  function finish(made) {
    Object.assign(made.row, made.final, { duration_ms: Date.now() - Date.parse(made.row.started_at) });
    send('request.ended', made.row);
  }
  function run() {
    const made = begin();
    const life_ms = Math.min(made.final.duration_ms, 25_000);
    const timer = setInterval(() => {
      const age_ms = Date.now() - Date.parse(made.row.started_at);
      if (age_ms < life_ms) return age_ms > made.final.ttfb_ms && grow(made, age_ms / life_ms);
      clearInterval(timer);
      timers.delete(timer);
      finish(made);
    }, 250);
    timers.add(timer);
  }
  if (live) {
    const next = () => {
      run();
      const timer = setTimeout(next, 800 + Math.random() * 4200);
      timers.add(timer);
    };
    next();
  }

  const spread = (values) => {
    const known = values.filter((value) => value !== null && value !== undefined).sort((a, b) => a - b);
    const at = (part) => known[Math.min(known.length - 1, Math.floor(known.length * part))] ?? null;
    return { count: known.length, avg: known.length ? sum(known, Number) / known.length : null, p50: at(0.5), p95: at(0.95), p99: at(0.99) };
  };
  const histogram = (values) => {
    const buckets = new Map();
    for (const value of values) if (value) buckets.set(Math.floor(Math.log2(value) * 8), (buckets.get(Math.floor(Math.log2(value) * 8)) ?? 0) + 1);
    return [...buckets].sort((a, b) => a[0] - b[0]).map(([bucket, count]) => [2 ** (bucket / 8), 2 ** ((bucket + 1) / 8), count]);
  };
  function line(key, all) {
    const of = all.filter((row) => row.state !== 'running');
    const usage = Object.fromEntries(['input_tokens', 'output_tokens', 'cache_read_input_tokens', 'cache_creation_input_tokens'].map((name) => [name, sum(of, (row) => row.usage?.[name])]));
    const input = usage.input_tokens + usage.cache_read_input_tokens + usage.cache_creation_input_tokens;
    return { key, request_count: of.length, error_count: of.filter((row) => row.state !== 'complete').length, usage,
      cost_usd_micro: sum(of, (row) => row.cost_usd_micro), unknown_cost_count: of.filter((row) => row.flags.includes('cost_unknown')).length, estimated_cost_count: 0,
      request_bytes: sum(of, (row) => row.request_bytes), response_bytes: sum(of, (row) => row.response_bytes), tool_call_count: sum(of, (row) => sum(row.tools, (tool) => tool.count)), tool_error_count: sum(of, (row) => row.tool_errors.length),
      duration_ms: spread(of.map((row) => row.duration_ms)), first_token_ms: spread(of.map((row) => row.first_token_ms)), ttfb_ms: { count: of.length, avg: 900 },
      cache_hit_rate: input ? usage.cache_read_input_tokens / input : null, tokens_per_second: usage.output_tokens ? 61.4 : null };
  }
  const group = (list, of) => [...Map.groupBy(list, of)].map(([key, part]) => line(key, part)).sort((a, b) => b.request_count - a.request_count);
  const toolsOf = (list) =>
    [...new Set(list.flatMap((row) => row.tools.map((tool) => tool.name)))].map((name) => {
      const calling = list.filter((row) => row.tools.some((tool) => tool.name === name));
      const failed = sum(list, (row) => sum(row.tool_errors.filter((tool) => tool.name === name), (tool) => tool.count));
      return { ...line(name, calling), call_count: sum(calling, (row) => sum(row.tools.filter((tool) => tool.name === name), (tool) => tool.count)), error_count: failed };
    }).sort((a, b) => b.call_count - a.call_count);

  function filtered(params) {
    const get = (name) => params.get(name);
    if (![...params.keys()].some((name) => name !== 'limit' && name !== 'cursor')) return rows;
    const q = get('q')?.toLowerCase();
    return rows.filter((row) =>
      (!get('model') || row.model === get('model')) && (!get('state') || row.state === get('state')) && (!get('session') || row.session_id === get('session')) &&
      (!get('agent') || (get('agent') === 'main' ? !row.agent_id : get('agent') === 'sub' ? row.agent_id : row.agent_id === get('agent'))) &&
      (!get('status') || (/xx$/.test(get('status')) ? String(row.status)[0] === get('status')[0] : String(row.status) === get('status'))) &&
      (!get('provider') || row.provider === get('provider')) && (!get('class') || row.class === get('class')) && (!get('route') || row.route === get('route')) && (!get('project') || row.project === get('project')) && (!get('agent_type') || row.agent_type === get('agent_type')) && (!get('tool') || row.tools.some((tool) => tool.name === get('tool'))) &&
      (!get('start') || row.started_at >= get('start')) && (!get('end') || row.started_at < get('end')) &&
      (!q || [row.title, row.path, row.model, row.id, row.session_id, row.agent_id, row.error?.type, row.error?.message].join('\n').toLowerCase().includes(q)));
  }

  const json = (response, value, status = 200) => {
    response.writeHead(status, { 'content-type': 'application/json', 'x-content-type-options': 'nosniff' });
    response.end(JSON.stringify(value));
  };
  const missing = (response) => json(response, { error: { code: 'not_found', message: 'There is no such thing here.' } }, 404);

  /** Deletes in two steps, as a large store would. */
  function erase(request, response, params) {
    const wanted = [...params].length ? 'matching' : 'all';
    if (request.headers['x-confirm-delete'] !== wanted) return json(response, { error: { code: 'bad_param', message: `X-Confirm-Delete: ${wanted} is missing`, field: 'X-Confirm-Delete' } }, 400);
    const found = filtered(params).filter((row) => row.state !== 'running');
    const now = new Set(found.slice(0, Math.max(20, found.length >> 1)));
    rows = rows.filter((row) => !now.has(row));
    event_id++;
    for (const reader of readers) reader.write(`id: ${event_id}\nevent: resync\ndata: {}\n\n`);
    const done = now.size === found.length;
    json(response, { deleted: now.size, done, ...(done ? {} : { end: params.get('end') ?? new Date().toISOString() }) });
  }
  function eraseOne(response, made) {
    if (made.row.state === 'running') return json(response, { error: { code: 'running', message: 'It still runs.' } }, 409);
    known.delete(made.row.id);
    rows = rows.filter((row) => row !== made.row);
    json(response, { deleted: 1, done: true });
  }
  function storageState() {
    const raw_bytes = sum(rows, (row) => row.request_bytes + row.response_bytes);
    return { engine: 'sqlite', requests: rows.length, sessions: sessions.length, pieces: rows.length * 4, blocks: rows.length, raw_bytes, stored_bytes: Math.floor(raw_bytes * 0.008), file_bytes: Math.floor(raw_bytes * 0.011) + 65536, ratio: 125, oldest_request_at: rows.at(-1)?.started_at ?? null, oldest_body_at: rows.at(-1)?.started_at ?? null, wiping_chains: 0, lag_bytes: 0, disk_free_bytes: 77_915_570_176, reserve_bytes: 16_777_216,
      retention: { max_age_ms: 30 * 86_400_000, rows_max_age_ms: null, max_bytes: 21_474_836_480, runs: 3, last_run_at: new Date(Date.now() - 1_800_000).toISOString(), dropped_bytes: 0, deleted_requests: 0, held: false } };
  }
  function list(response, params) {
    const found = filtered(params);
    const limit = Number(params.get('limit') ?? 50);
    const from = Number(params.get('cursor') ?? 0);
    // Words are looked for a slice of time after the other: the first page may be empty though there is more.
    if (params.get('q') === 'late' && from < 3) return json(response, { requests: [], total: 0, total_is_minimum: true, next_cursor: String(from + 1) });
    json(response, { requests: found.slice(from, from + limit), total: found.length, next_cursor: from + limit < found.length ? String(from + limit) : null });
  }
  function listSessions(response, params) {
    const groups = [...Map.groupBy(rows.filter((row) => row.session_id), (row) => row.session_id)];
    const all = groups.map(([session_id, of]) => ({ session_id, first_at: of.at(-1).started_at, last_at: of[0].started_at, request_count: of.length, error_count: of.filter((row) => row.status >= 400).length, agent_count: new Set(of.map((row) => row.agent_id)).size, title: (of.findLast((row) => !row.agent_id) ?? of.at(-1)).title, model: of[0].model, client: of[0].client, usage: line('', of).usage, cost_usd_micro: line('', of).cost_usd_micro, unknown_cost_count: line('', of).unknown_cost_count }));
    const before = params.get('before');
    json(response, { sessions: all.filter((session) => !before || session.last_at < before).sort((a, b) => (a.last_at < b.last_at ? 1 : -1)).slice(0, Number(params.get('limit') ?? 50)) });
  }
  function threads(response, what, id, params) {
    const of = rows.filter((row) => row.session_id === id);
    if (what === 'sessions') return of.length ? json(response, treeOf({ session_id: id }, of, line)) : missing(response);
    const made = known.get(id);
    if (!made || made.row.state === 'running') return missing(response);
    json(response, conversationOf(made, bodyOf(made), made.row.status === 200 ? messageOf(made) : null, params));
  }
  function find(response, params) {
    const found = searchIn(rows.map((row) => known.get(row.id)), params, bodyOf, messageOf);
    if (!found) return json(response, { error: { code: 'bad_param', message: 'There is no word in it to look for', field: 'q' } }, 400);
    const from = Number(params.get('cursor') ?? 0);
    const to = from + Number(params.get('limit') ?? 50);
    json(response, { results: found.slice(from, to), sessions: [], next_cursor: to < found.length ? String(to) : null, complete: true });
  }
  let is_away = false; // the database is
  function statistics(response, params, what) {
    if (what === '/recorder') return json(response, { recorder, losses });
    if (is_away) return json(response, { error: { code: 'database_away', message: 'The database cannot be reached.' } }, 503);
    const found = filtered(params).slice(0, most_counted);
    const bytes = sum(found, (row) => row.request_bytes + row.response_bytes);
    const agentOf = (row) => (row.agent_id ? (row.agent_type ?? 'unknown') : 'main');
    const byKey = (a, b) => (a.key < b.key ? -1 : 1);
    if (what === '/hourly') return json(response, { hours: group(found, (row) => `${row.started_at.slice(0, 13)}:00:00Z`).sort(byKey), truncated: false });
    if (what === '/daily') return json(response, { days: group(found, (row) => row.started_at.slice(0, 10)).sort(byKey) });
    if (what === '/performance') return json(response, { total: line(null, found), models: group(found, (row) => row.model), duration_histogram: histogram(found.map((row) => row.duration_ms)), first_token_histogram: histogram(found.map((row) => row.first_token_ms)) });
    json(response, { total: line(null, found), models: group(found, (row) => row.model), providers: group(found, (row) => row.provider), states: group(found, (row) => row.state), agents: group(found, agentOf), projects: group(found, (row) => row.project), tools: toolsOf(found),
      storage: { requests: rows.length, sessions: sessions.length, pieces: rows.length * 4, blocks: rows.length, raw_bytes: bytes, stored_bytes: Math.floor(bytes * 0.008), file_bytes: Math.floor(bytes * 0.011) + 65536 },
      recorder: { ...recorder, exchanges: rows.length, running: rows.filter((row) => row.state === 'running').length }, losses, search: { indexed: rows.length, waiting: 0, skipped: 0, failures: 0, texts: rows.length * 9, text_bytes: Math.floor(bytes / 40), files: 1, file_bytes: Math.floor(bytes / 300) } });
  }
  const bodyOf = ({ row, extra }) => (extra.hostile ? makeHostileBody(row, extra) : makeBody(row, extra));
  const messageOf = ({ row, extra, final }) => (extra.hostile ? makeHostileMessage(final ?? row, extra) : makeMessage(final ?? row, extra));
  const errorOf = ({ row }) => JSON.stringify({ type: 'error', error: row.error, request_id: row.upstream_request_id });

  function detail(response, made) {
    const bad = made.extra.hostile;
    json(response, { ...made.row, request_line: bad ?? `POST ${made.row.path}?beta=true HTTP/1.1`, status_line: made.row.status ? `HTTP/1.1 ${made.row.status} ${made.row.status === 200 ? 'OK' : 'Error'}` : null, upstream_addr: '160.79.104.10:443', sent_ms: 1.2, request_hash: 'c0ffee'.repeat(5), response_hash: 'decade'.repeat(5),
      request_headers: [['Host', 'localhost:3001'], ['Content-Type', 'application/json'], ['User-Agent', made.row.client], ['X-Claude-Code-Session-Id', made.row.session_id], ['x-app', 'cli'], ['anthropic-version', '2023-06-01'], ['anthropic-beta', 'claude-code-20250219,interleaved-thinking-2025-05-14,fine-grained-tool-streaming-2025-05-14,context-management-2025-06-27'], ['x-api-key', 'sk-ant-…[a1b2c3d4]'], ['Accept-Encoding', 'gzip, deflate, br, zstd'], ...(made.extra.batch ?? []).map((text) => [text, text]), ['Content-Length', String(made.row.request_bytes)]],
      response_headers: made.row.status ? [['Date', 'Sat, 21 Nov 2026 00:43:07 GMT'], ['Content-Type', 'text/event-stream; charset=utf-8'], ['request-id', made.row.upstream_request_id], ['anthropic-ratelimit-requests-remaining', '3998'], ['anthropic-ratelimit-tokens-remaining', '391000'], ...(made.extra.batch ?? []).map((text) => [text, text]), ['Content-Encoding', 'gzip']] : [] });
  }
  function timeline({ row, extra }) {
    const random_chunk = randomFrom(extra.seed);
    const start = (row.ttfb_ms ?? 0) * 1000;
    const end = (row.duration_ms ?? row.ttfb_ms ?? 0) * 1000;
    let at = start;
    const chunks = Array.from({ length: row.chunk_count }, (_, index) => {
      const chunk = [Math.floor(at), 80 + Math.floor(random_chunk() * 160)];
      at += ((end - start) / row.chunk_count) * (0.2 + random_chunk() * 1.2) + (index === Math.floor(row.chunk_count / 2) ? 2_300_000 : 0);
      return chunk;
    }).filter(([offset]) => offset <= end);
    return { ttfb_us: row.ttfb_ms && Math.floor(start), first_token_us: row.first_token_ms && Math.floor(row.first_token_ms * 1000), duration_us: row.duration_ms && Math.floor(end), chunks };
  }
  function part(response, made, what, params) {
    const failed = made.row.status >= 400;
    if (what === '') return detail(response, made);
    if (what === '/request/body') return attach(response, made.row.path.endsWith('count_tokens') ? '{"model":"x","messages":[]}' : JSON.stringify(bodyOf(made)));
    if (what === '/route') return json(response, explanationOf(made.row, made.extra.hostile));
    if (made.row.state === 'running') return missing(response);
    if (what === '/response/message') return json(response, { message: failed ? null : messageOf(made), complete: made.row.state === 'complete', error: made.row.error, events: failed ? null : { message_start: 1, ping: 3, content_block_delta: 40, message_stop: 1 } });
    if (what === '/response/body') return attach(response, failed ? errorOf(made) : makeStream(messageOf(made)), params.get('decoded') === '1' ? 'text/plain; charset=utf-8' : undefined);
    if (what === '/timeline') return json(response, timeline(made));
    missing(response);
  }
  function attach(response, text, type = 'application/octet-stream') {
    response.writeHead(200, { 'content-type': type, 'content-disposition': 'attachment', 'x-content-type-options': 'nosniff', 'content-security-policy': 'sandbox' });
    response.end(text);
  }
  function stream(request, response) {
    response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' });
    response.write(': hello\n\n');
    readers.add(response);
    response.on('close', () => readers.delete(response));
  }
  let running = null;
  function control(request, response, name, params) {
    if (name === 'report') return void request.on('data', (data) => reports.push(String(data))).on('end', () => response.end());
    if (name === 'reports') return json(response, reports);
    if (name === 'start') return json(response, (running = begin()).row);
    if (name === 'grow') return json(response, (grow(running, Number(params.get('part') ?? 0.5)), running.row));
    if (name === 'finish') return json(response, (finish(running), running.row));
    if (name === 'loss') return json(response, losses.slice(0, 2).map((loss, index) => Object.assign(loss, { since_start: 3 - index, all_time: 3 - index, last_at: new Date().toISOString() })));
    if (name === 'away') return json(response, (is_away = true));
    if (name === 'drop') return json(response, [...readers].map((reader) => reader.destroy()).length);
    if (name === 'routing') return json(response, Object.assign(routing, Object.fromEntries(params)));
    if (name === 'hostile') return json(response, hostileTexts);
    missing(response);
  }
  function file(request, response, path) {
    const wanted = normalize(join(build, path));
    const found = wanted.startsWith(build) && existsSync(wanted) && statSync(wanted).isFile();
    const real = found ? wanted : join(build, 'index.html');
    if (!existsSync(real)) return missing(response);
    const brotli = /\bbr\b/.test(request.headers['accept-encoding'] ?? '') && existsSync(`${real}.br`);
    response.writeHead(200, { 'content-type': types[extname(real)] ?? 'application/octet-stream', 'content-security-policy': policy, 'x-content-type-options': 'nosniff', 'referrer-policy': 'no-referrer', 'cache-control': path.startsWith('/_app/immutable/') ? 'public, max-age=31536000, immutable' : 'no-cache', ...(brotli ? { 'content-encoding': 'br', vary: 'accept-encoding' } : {}) });
    createReadStream(brotli ? `${real}.br` : real).pipe(response);
  }

  const server = createServer((request, response) => {
    const url = new URL(request.url, 'http://localhost');
    const path = decodeURIComponent(url.pathname);
    const params = url.searchParams;
    if (path.startsWith('/__mock/')) return control(request, response, path.slice(8), params);
    if (path === '/health') return json(response, { status: 'healthy', version: '0.1.0', timestamp: new Date().toISOString() });
    if (path === '/api/requests' && request.method === 'DELETE') return erase(request, response, params);
    if (path === '/api/requests') return list(response, params);
    if (path === '/api/storage') return json(response, storageState());
    if (path === '/api/sessions') return listSessions(response, params);
    if (/^\/api\/stats(\/|$)/.test(path)) return statistics(response, params, path.slice(10));
    if (path === '/api/stream') return stream(request, response);
    if (path === '/api/providers') return json(response, providersOf(rows, routing.texts));
    if (path === '/api/routing') return json(response, routingOf(rows, routing));
    if (path === '/api/setup') return json(response, setupOf(hostile ? hostileTexts : null));
    if (path === '/api/search') return find(response, params);
    if (path === '/api/export') return attach(response, JSON.stringify(filtered(params)));
    const match = /^\/api\/requests\/([^/]+)(\/.*)?$/.exec(url.pathname);
    const made = match && known.get(decodeURIComponent(match[1]));
    if (made && request.method === 'DELETE') return eraseOne(response, made);
    if (made) return part(response, made, match[2] ?? '', params);
    const thread = /^\/api\/(sessions|conversations)\/([^/]+)$/.exec(path);
    if (thread) return threads(response, thread[1], thread[2], params);
    if (path === '/api/transcripts') return json(response, { is_enabled: true, transcripts: transcriptsOf(params.get('session'), rows), next_before: null });
    const transcript = /^\/api\/transcripts\/([^/]+)$/.exec(path);
    if (transcript) return json(response, transcriptLinesOf(decodeURIComponent(transcript[1]), rows, known, bodyOf));
    if (path.startsWith('/api/')) return missing(response);
    file(request, response, path);
  });
  // Whoever starts a mock and forgets it must be able to end.
  if (process.argv[1] !== fileURLToPath(import.meta.url)) server.unref();
  return new Promise((resolve) =>
    server.listen(port, '127.0.0.1', () =>
      resolve({
        url: `http://127.0.0.1:${server.address().port}`,
        close: () => {
          for (const timer of timers) clearTimeout(timer);
          server.closeAllConnections();
          return new Promise((done) => server.close(done));
        }
      })
    )
  );
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const has = (name) => process.argv.includes(`--${name}`);
  const number = (name, otherwise) => (has(name) ? Number(process.argv[process.argv.indexOf(`--${name}`) + 1]) : otherwise);
  const mock = await startMock({ port: number('port', 3999), rows: number('rows', 400), live: has('live'), hostile: has('hostile'), empty: has('empty') });
  console.log(`mock proxy at ${mock.url}`);
}
