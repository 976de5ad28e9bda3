/*
 * proxy.mjs: runs the real binary as a black box, and asks its API.
 */
import { spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import fs from 'node:fs/promises';
import http from 'node:http';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { store_env, store_forget } from './storing.mjs';
import { DEADLINE_MS, until, within } from './wait.mjs';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
export const BINARY = process.env.PROXY_BINARY ?? path.join(ROOT, 'build/claude-code-proxy');

export async function temp_dir(name = 'ccp') {
  return fs.mkdtemp(path.join(os.tmpdir(), `${name}-`));
}

const yaml = (value, indent = '') => Object.entries(value).map(([key, v]) => (
  v !== null && typeof v === 'object' && !Array.isArray(v)
    ? `${indent}${key}:\n${yaml(v, `${indent}  `)}`
    : `${indent}${key}: ${JSON.stringify(v)}\n`)).join('');

/* Whatever happens to a test, no process of it is left behind, and none keeps it from ending. */
const running = new Set();
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});
for (const signal of ['SIGTERM', 'SIGINT']) process.on(signal, () => process.exit(1));

export class Proxy {
  /*
   * `upstream`: an Upstream or a URL. `config`: becomes config.yaml. `env`: beside the few that
   * every process gets. `dir`: an earlier run's, to go on with its data. `wrap`: a command to run
   * it under, which must become it or give way to it (its process id is taken for the proxy's).
   */
  static async start({ upstream, config, env = {}, args = [], dir, keep = false, wrap = [], host = '127.0.0.1', port = 0 } = {}) {
    if (!existsSync(BINARY)) throw new Error(`no binary at ${BINARY}: build it first`);
    const p = new Proxy();
    p.upstream = upstream;
    p.options = { upstream, config, env, args, keep, wrap, host, port };
    p.dir = dir ?? await temp_dir();
    p.is_dir_ours = dir === undefined && !keep;
    p.data_dir = path.join(p.dir, 'data');
    const command = ['serve', '--host', host, '--port', String(port), '--data-dir', p.data_dir];
    if (config) {
      const file = path.join(p.dir, 'test.yaml');
      await fs.writeFile(file, yaml(config), { mode: 0o600 });
      command.push('--config', file);
    }
    p.log = '';
    p.exit = null;
    const [program, ...line] = [...wrap, BINARY, ...command, ...args];
    p.child = spawn(program, line, {
      cwd: p.dir,
      env: {
        PATH: process.env.PATH,
        HOME: p.dir,
        ...Object.fromEntries(['ASAN_OPTIONS', 'TSAN_OPTIONS', 'UBSAN_OPTIONS']
          .filter((n) => process.env[n]).map((n) => [n, process.env[n]])),
        ...(upstream ? { ANTHROPIC_FORWARD_URL: upstream.url ?? upstream } : {}),
        ...(env.DB_TYPE || config?.storage?.type ? {} : store_env(p.data_dir)),
        ...env,
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    p.pid = p.child.pid;
    running.add(p.child);
    p.child.once('exit', () => running.delete(p.child));
    for (const handle of [p.child, p.child.stdout, p.child.stderr]) handle.unref();
    p.exited = new Promise((resolve) => {
      p.child.once('close', (code, signal) => {
        p.exit = { code, signal };
        resolve(p.exit);
      });
    });
    p.child.stdout.on('data', (d) => { p.log += d; });
    const listening = new Promise((resolve, reject) => {
      p.child.stderr.on('data', (d) => {
        p.log += d;
        const found = /listening\b.*?\bhost=(\S+)\s+port=(\d+)/.exec(p.log);
        if (found) resolve(Number(found[2]));
      });
      p.child.once('error', reject);
      p.exited.then((e) => reject(new Error(`proxy exited at start: ${JSON.stringify(e)}\n${p.log}`)));
    });
    listening.catch(() => {});
    try {
      p.port = await within(listening, DEADLINE_MS, 'the proxy to listen');
    } catch (e) {
      p.child.kill('SIGKILL');
      throw new Error(`${e.message}\n${p.log}`);
    }
    p.url = `http://127.0.0.1:${p.port}`;
    return p;
  }

  /* SIGTERM, and the exit it gives. */
  async stop({ ms = DEADLINE_MS, signal = 'SIGTERM' } = {}) {
    if (this.exit === null) this.child.kill(signal);
    try {
      return await within(this.exited, ms, `the proxy to exit\n${this.log.slice(-2000)}`);
    } finally {
      if (this.exit === null) this.child.kill('SIGKILL');
      if (this.is_dir_ours) {
        await fs.rm(this.dir, { recursive: true, force: true });
        store_forget(this.data_dir);
      }
    }
  }

  async kill() {
    this.child.kill('SIGKILL');
    return within(this.exited, DEADLINE_MS, 'the end of a killed process');
  }

  /* Another process on the same data. */
  restart(changes = {}) {
    return Proxy.start({ ...this.options, ...changes, dir: this.dir });
  }

  /* Its file, as `config` was; `text`: as it is. Written anew, as some editors do, or in place. */
  async write_config(config, { in_place = false } = {}) {
    const file = path.join(this.dir, 'test.yaml');
    const target = in_place ? file : `${file}.new`;
    await fs.writeFile(target, typeof config === 'string' ? config : yaml(config), { mode: 0o600 });
    if (!in_place) await fs.rename(target, file);
  }

  /* What is logged from here on, until it matches. */
  async logged(pattern, act, ms = DEADLINE_MS) {
    const from = this.log.length;
    await act?.();
    return until(() => pattern.exec(this.log.slice(from)), () => `${pattern} in the log\n${this.log.slice(from)}`, ms);
  }

  /* Its file is written, and read again at once. */
  async reload(config, pattern = /configuration reloaded.*/) {
    return this.logged(pattern, async () => {
      if (config !== undefined) await this.write_config(config);
      this.child.kill('SIGHUP');
    });
  }

  /* Resident memory in bytes. */
  rss() {
    const status = readFileSync(`/proc/${this.pid}/status`, 'latin1');
    return Number(/VmRSS:\s+(\d+) kB/.exec(status)[1]) * 1024;
  }

  /* GET on our own API: { status, headers, body }. */
  get(target, headers = {}) {
    return new Promise((resolve, reject) => {
      const req = http.get({ host: '127.0.0.1', port: this.port, path: target, headers, agent: false }, (res) => {
        const parts = [];
        res.on('data', (d) => parts.push(d));
        res.on('error', reject);
        res.on('end', () => resolve({ status: res.statusCode, headers: res.headers, body: Buffer.concat(parts) }));
      });
      req.on('error', reject);
      req.setTimeout(DEADLINE_MS, () => req.destroy(new Error(`no answer from the API: ${target}`)));
    });
  }

  async api(target) {
    const res = await this.get(target);
    if (res.status !== 200) throw new Error(`GET ${target}: ${res.status} ${res.body.toString().slice(0, 300)}`);
    return JSON.parse(res.body);
  }

  /* Every row, newest first, over all pages. `query`: filters. */
  async rows(query = '') {
    const all = [];
    let cursor = null;
    do {
      const page = await this.api(`/api/requests?limit=500${query ? `&${query}` : ''}`
        + (cursor ? `&cursor=${encodeURIComponent(cursor)}` : ''));
      all.push(...page.requests);
      cursor = page.next_cursor;
    } while (cursor);
    return all;
  }

  /* The one row of a session, once it has ended. */
  async row(session, ms = DEADLINE_MS) {
    return this.row_where((r) => r.state !== 'running', `session=${encodeURIComponent(session)}`, ms);
  }

  async row_by_path(target_path, ms = DEADLINE_MS) {
    return this.row_where((r) => r.path === target_path && r.state !== 'running',
      `q=${encodeURIComponent(target_path)}`, ms);
  }

  async row_where(is_wanted, query, ms = DEADLINE_MS) {
    return until(async () => {
      const found = (await this.rows(query)).filter(is_wanted);
      if (found.length > 1) throw Object.assign(new Error(`${found.length} rows for ${query}`), { isFatal: true });
      return found[0];
    }, () => `a row for ${query}\n${this.log.slice(-1500)}`, ms);
  }

  async body(id, side) {
    const res = await until(async () => {
      const r = await this.get(`/api/requests/${id}/${side}/body`);
      if (r.status !== 200) throw new Error(`${side} body of ${id}: ${r.status} ${r.body}`);
      return r;
    }, `${side} body of ${id}`);
    return res.body;
  }

  async message(id) {
    return this.api(`/api/requests/${id}/response/message`);
  }

  async timeline(id) {
    return this.api(`/api/requests/${id}/timeline`);
  }

  /* Everything it wrote: data directory, configuration and log, as one list of [name, bytes]. */
  async remains() {
    const found = [['log', Buffer.from(this.log)]];
    const walk = async (dir) => {
      for (const entry of await fs.readdir(dir, { withFileTypes: true })) {
        const file = path.join(dir, entry.name);
        if (entry.isDirectory()) await walk(file);
        else if (entry.isFile()) found.push([file, await fs.readFile(file)]);
      }
    };
    await walk(this.data_dir);
    return found;
  }
}
