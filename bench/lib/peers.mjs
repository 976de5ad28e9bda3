// Who is measured: ours, and what stands beside it. Each gets a port, a configuration in the
// scratch folder, one worker, keep-alive towards the mock, and the proxy's core.

import { mkdirSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import { join } from 'node:path';
import { accepts, freePort, pause, PROXY_CORE, said, start, stop } from './proc.mjs';

const nginxConfig = ({ dir, port, mockPort, log }) => `
daemon off; pid ${dir}/nginx.pid; error_log ${dir}/error.log; worker_processes 1;
events { worker_connections 16384; }
http {
  access_log off; keepalive_requests 1000000000; keepalive_timeout 600s; client_max_body_size 0;
  client_body_temp_path ${dir}/body; proxy_temp_path ${dir}/proxy;
  fastcgi_temp_path ${dir}/f; uwsgi_temp_path ${dir}/u; scgi_temp_path ${dir}/s;
  ${log ? `log_format bodies escape=json '$time_iso8601 $request $status $request_body';` : ''}
  upstream mock { server 127.0.0.1:${mockPort}; keepalive 8192; keepalive_requests 1000000000; }
  server {
    listen 127.0.0.1:${port} backlog=8192; server_name _;
    location / {
      proxy_pass http://mock; proxy_http_version 1.1; proxy_set_header Connection "";
      proxy_buffering off; proxy_read_timeout 600s; proxy_send_timeout 600s;
      ${log
        ? `proxy_request_buffering on; client_body_buffer_size 1m; client_body_in_single_buffer on;
           access_log ${dir}/access.log bodies buffer=256k flush=1s;`
        : 'proxy_request_buffering off; client_body_buffer_size 64k;'}
    }
  }
}
`;

const haproxyConfig = ({ port, mockPort }) => `
global
  nbthread 1
  maxconn 8000
defaults
  mode http
  option http-no-delay
  http-reuse always
  timeout connect 10s
  timeout client 600s
  timeout server 600s
frontend all
  bind 127.0.0.1:${port} backlog 8192
  default_backend mock
backend mock
  server mock 127.0.0.1:${mockPort} maxconn 8000 pool-max-conn 8192
`;

async function nginx(place, log) {
  for (const sub of ['body', 'proxy']) mkdirSync(join(place.dir, sub), { recursive: true });
  writeFileSync(join(place.dir, 'nginx.conf'), nginxConfig({ ...place, log }));
  return ['nginx', '-c', join(place.dir, 'nginx.conf'), '-e', join(place.dir, 'error.log'), '-p', place.dir];
}

async function haproxy(place) {
  writeFileSync(join(place.dir, 'haproxy.cfg'), haproxyConfig(place));
  return ['haproxy', '-db', '-f', join(place.dir, 'haproxy.cfg')];
}

async function ours(place, record) {
  const config = join(place.dir, 'config.yaml');
  writeFileSync(config, `server:\n  workers: 1\n${record ? '' : 'storage:\n  record: false\n'}`);
  return [place.binary, 'serve', '--config', config, '--host', '127.0.0.1', '--port',
    String(place.port), '--data-dir', place.dataDir ?? join(place.dir, 'data')];
}

// The mock is another provider here, that speaks Chat Completions and streams as `answer` says: its
// plan cannot come in the client's query, which stays with us.
async function translating(place) {
  const config = join(place.dir, 'config.yaml');
  writeFileSync(config, `server:\n  workers: 1\nproviders:\n  mock:\n    format: openai\n` +
    `    base_url: "http://127.0.0.1:${place.mockPort}/${place.answer}/v1"\nrouting:\n  models:\n    "*": "mock:gpt-5"\n`);
  return [place.binary, 'serve', '--config', config, '--host', '127.0.0.1', '--port', String(place.port),
    '--data-dir', join(place.dir, 'data')];
}

const makers = {
  'ours-translating': translating,
  ours: (place) => ours(place, true),
  'ours-off': (place) => ours(place, false),
  r0: (place) => nginx(place, false),
  r1: (place) => nginx(place, true),
  haproxy,
};

export const isOurs = (name) => name.startsWith('ours');

// The command of a peer, and the environment it runs in.
export async function commandOf(ctx, name, { mockPort = ctx.mock.port, dataDir, answer } = {}) {
  const dir = join(ctx.scratch, `${name}-${ctx.nextNumber()}`);
  mkdirSync(dir, { recursive: true });
  const place = { dir, port: await freePort(), mockPort, binary: ctx.binary, dataDir, answer };
  const command = await makers[name](place);
  const env = { PATH: process.env.PATH, HOME: dir, ANTHROPIC_FORWARD_URL: `http://127.0.0.1:${mockPort}` };
  return { name, dir, port: place.port, command, env, dataDir: dataDir ?? join(dir, 'data') };
}

export async function startPeer(ctx, name, options) {
  if (name === 'direct') return { name, port: options?.mockPort ?? ctx.mock.port, stop: async () => {} };
  const peer = await commandOf(ctx, name, options);
  const child = start(PROXY_CORE, peer.command, { cwd: peer.dir, env: peer.env });
  await (isOurs(name) ? said(child, /listening\b.*\bport=(\d+)/) : accepts(peer.port, child));
  return { ...peer, child, pid: child.pid, stop: () => stop(child) };
}

export async function startMock(ctx, core, extra = []) {
  const child = start(core, [join(ctx.build, 'bench/bench-mock'), ...extra]);
  const [, port] = await said(child, /listening port=(\d+)/);
  return { child, pid: child.pid, port: Number(port), stop: () => stop(child) };
}

export function getJson(port, path) {
  return new Promise((resolve, reject) => {
    const request = http.get({ host: '127.0.0.1', port, path, agent: false, timeout: 10000 }, (answer) => {
      let text = '';
      answer.on('data', (data) => (text += data));
      answer.on('end', () => {
        try {
          resolve(JSON.parse(text));
        } catch {
          reject(new Error(`${path}: ${answer.statusCode} ${text.slice(0, 200)}`));
        }
      });
    });
    request.once('error', reject);
    request.once('timeout', () => request.destroy(new Error(`${path}: no answer`)));
  });
}

// Waits until what was relayed is in the store, and what was said in the text index, so that its cost is in
// the round that caused it.
export async function drained(peer, timeoutMs = 120000) {
  const deadline = Date.now() + timeoutMs;
  if (!isOurs(peer.name) || peer.name === 'ours-off') return true;
  while (Date.now() < deadline) {
    const { recorder, search } = await getJson(peer.port, '/api/stats');
    if (recorder.lag_bytes === 0 && recorder.running === 0 && !search?.waiting) return true;
    await pause(50);
  }
  return false;
}
