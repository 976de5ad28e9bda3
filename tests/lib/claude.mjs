/*
 * claude.mjs: the real Claude Code, where it is installed, and an older release of it.
 *
 * Both are about 450 MB and live in a folder of their own (tests/client/claude); CLAUDE_BINARY
 * names another one to be taken as the present release.
 */
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { within } from './wait.mjs';

const HERE = path.dirname(fileURLToPath(import.meta.url));
const INSTALLED = path.join(HERE, '../client/claude/node_modules');

function client(name, command, argv) {
  const works = existsSync(argv[0] ?? command) && spawnSync(command, [...argv, '--version'], { timeout: 60000 }).status === 0;
  return { name, command, argv, skip: !works && `Claude Code is not installed (${argv[0] ?? command}): npm ci in tests/client/claude` };
}

export const present = client('Claude Code', process.env.CLAUDE_BINARY ?? path.join(INSTALLED, '@anthropic-ai/claude-code/bin/claude.exe'), []);
/* From before sub-agents had ids of their own, and their tool was called Task. */
export const older = client('an older Claude Code', process.execPath, [path.join(INSTALLED, 'claude-code-older/cli.js')]);

/* Why tests of it are left out; false where it works. */
export const skip = present.skip;

/* Runs it once in `folder`, through the proxy; gives what it printed and what the provider saw. */
export async function run_claude(t, home, folder, args, { command, argv } = present) {
  const from = t.up.ledger.length;
  const child = spawn(command, [...argv, '-p', ...args], {
    cwd: folder,
    env: {
      PATH: process.env.PATH, HOME: home, ANTHROPIC_BASE_URL: t.proxy.url, ANTHROPIC_API_KEY: 'sk-ant-test-0',
      CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: '1', DISABLE_TELEMETRY: '1', DISABLE_ERROR_REPORTING: '1', DISABLE_AUTOUPDATER: '1',
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let out = '';
  let err = '';
  child.stdout.on('data', (d) => { out += d; });
  child.stderr.on('data', (d) => { err += d; });
  const exited = new Promise((resolve) => { child.once('close', resolve); });
  try {
    const code = await within(exited, 120000, 'Claude Code to end');
    assert.equal(code, 0, `${err}\n${out}`);
  } finally {
    child.kill('SIGKILL');
  }
  return { out, exchanges: t.up.ledger.slice(from) };
}
