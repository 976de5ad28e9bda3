/*
 * postgres.mjs: a throw-away PostgreSQL for whole-program tests, which may be stopped, frozen and
 * cut off; and databases of their own in it, or in the one that TEST_POSTGRES_DSN names.
 */
import { execFile, execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import fs from 'node:fs/promises';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const run = promisify(execFile);
const SCRIPT = fileURLToPath(new URL('postgres.sh', import.meta.url));
const NOT_THERE = 77;

const running = new Set();
process.on('exit', () => {
  for (const server of running) server.stop_now();
});

/* Why these tests cannot run here; false when they can. */
export function why_no_postgres() {
  try {
    execFileSync(SCRIPT, ['look'], { stdio: 'ignore' });
    execFileSync('psql', ['--version'], { stdio: 'ignore' });
    return false;
  } catch (e) {
    return e.status === NOT_THERE || e.code === 'ENOENT' ? 'PostgreSQL is missing' : String(e);
  }
}

export async function sql(url, text) {
  const { stdout } = await run('psql', ['-X', '-q', '-A', '-t', '-v', 'ON_ERROR_STOP=1', '-d', url, '-c', text]);
  return stdout.trim();
}

/* The address of another database on the same server. */
export function with_database(url, name) {
  if (url.includes('://')) return url.replace(/^(\w+:\/\/[^/]*\/)[^?]*/, `$1${name}`);
  return `${url} dbname=${name}`;
}

/* A new, empty database on the server at `url`. */
export async function make_database(url) {
  const name = `e2e_${randomBytes(6).toString('hex')}`;
  await sql(url, `CREATE DATABASE ${name} TEMPLATE template0 ENCODING 'UTF8'`);
  return { url: with_database(url, name), drop: () => sql(url, `DROP DATABASE IF EXISTS ${name} WITH (FORCE)`) };
}

export class Postgres {
  /* `follows`: a server that this one is a standby of. */
  static async start({ follows } = {}) {
    const p = new Postgres();
    p.dir = await fs.mkdtemp(path.join(os.tmpdir(), 'pg-'));
    await fs.chmod(p.dir, 0o755);
    const { stdout } = await run(SCRIPT, follows ? ['standby', p.dir, follows.dir] : ['start', p.dir]);
    p.url = stdout.trim();
    running.add(p);
    return p;
  }

  get socket() {
    return path.join(this.dir, '.s.PGSQL.5432');
  }

  database() {
    return make_database(this.url);
  }

  /* At once, without a word to anybody: what was committed is there afterwards. */
  async halt() {
    await run(SCRIPT, ['halt', this.dir]);
  }

  async resume() {
    await run(SCRIPT, ['resume', this.dir]);
  }

  /* A standby takes over. */
  async promote() {
    await run(SCRIPT, ['promote', this.dir]);
  }

  /* The server's processes, the first one and all that it has begun. */
  pids() {
    const first = Number(readFileSync(path.join(this.dir, 'data/postmaster.pid'), 'latin1').split('\n')[0]);
    const rest = execFileSync('ps', ['-A', '-o', 'pid=,ppid='], { encoding: 'latin1' }).trim().split('\n')
      .map((line) => line.trim().split(/\s+/).map(Number)).filter(([, parent]) => parent === first);
    return [first, ...rest.map(([pid]) => pid)];
  }

  signal(name) {
    for (const pid of this.pids()) {
      try {
        process.kill(pid, name);
      } catch (e) {
        if (e.code !== 'ESRCH') throw e;
      }
    }
  }

  freeze() {
    this.signal('SIGSTOP');
  }

  thaw() {
    this.signal('SIGCONT');
  }

  stop_now() {
    running.delete(this);
    try {
      this.thaw();
    } catch { /* it has been halted */ }
    execFileSync(SCRIPT, ['stop', this.dir], { stdio: 'ignore' });
    execFileSync('rm', ['-rf', this.dir]);
  }

  async stop() {
    this.stop_now();
  }
}

/*
 * Stands before a server's socket and, where `cuts(n)` says so, ends the connection when the server
 * answers the n-th COMMIT (counted from 1): it has been done, and whoever asked never learns of it.
 */
export class Cutter {
  static async start(socket, cuts) {
    const c = new Cutter();
    c.commits = 0;
    c.cut = 0;
    c.server = net.createServer((client) => {
      const server = net.connect(socket);
      const end = () => {
        client.destroy();
        server.destroy();
      };
      for (const s of [client, server]) s.on('error', end).on('close', end);
      client.on('data', (data) => server.write(data));
      server.on('data', (data) => {
        /* CommandComplete (PostgreSQL's documentation, "Message Formats"): C, length, tag */
        if (data.includes('C\0\0\0\x0bCOMMIT\0', 0, 'latin1')) {
          c.commits += 1;
          if (cuts(c.commits)) {
            c.cut += 1;
            end();
            return;
          }
        }
        client.write(data);
      });
    });
    await new Promise((resolve) => { c.server.listen(0, '127.0.0.1', resolve); });
    c.port = c.server.address().port;
    return c;
  }

  url(url) {
    const name = /:\/\/[^/]*\/([^?]*)/.exec(url)[1];
    return `postgresql://tester@127.0.0.1:${this.port}/${name}?sslmode=disable`;
  }

  stop() {
    return new Promise((resolve) => { this.server.close(resolve); });
  }
}
