/*
 * cli.mjs: the binary's other commands: their output, errors and exit code.
 */
import { spawn } from 'node:child_process';
import { BINARY } from './proxy.mjs';
import { store_env_of } from './storing.mjs';
import { DEADLINE_MS, within } from './wait.mjs';

export class Command {
  /* `input`: bytes for its standard input; null: the caller writes and ends it. */
  static start(args, { cwd = '/tmp', env = {}, input } = {}) {
    const c = new Command();
    c.out = Buffer.alloc(0);
    c.err = '';
    c.child = spawn(BINARY, args, {
      cwd,
      env: {
        PATH: process.env.PATH,
        HOME: cwd,
        ...Object.fromEntries(['ASAN_OPTIONS', 'TSAN_OPTIONS', 'UBSAN_OPTIONS']
          .filter((n) => process.env[n]).map((n) => [n, process.env[n]])),
        ...(env.DB_TYPE ? {} : store_env_of(args)),
        ...env,
      },
      stdio: [input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
    });
    c.child.stdout.on('data', (d) => { c.out = Buffer.concat([c.out, d]); });
    c.child.stderr.on('data', (d) => { c.err += d; });
    c.child.stdin?.on('error', () => {});
    if (input !== null) c.child.stdin?.end(input);
    c.closed = new Promise((resolve, reject) => {
      c.child.once('error', reject);
      c.child.once('close', (code, signal) => {
        c.code = code;
        c.signal = signal;
        resolve(c);
      });
    });
    return c;
  }

  /* Its end: { code, signal, out, err }. */
  async end(ms = 4 * DEADLINE_MS) {
    try {
      return await within(this.closed, ms, 'a command to end');
    } catch (e) {
      this.child.kill('SIGKILL');
      throw new Error(`${e.message}\n${this.err}`);
    }
  }
}

export const run_command = (args, options) => Command.start(args, options).end();
