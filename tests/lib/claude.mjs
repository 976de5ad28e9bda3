/*
 * claude.mjs: the real Claude Code, where it is installed.
 *
 * It is about 400 MB and lives in a folder of its own (tests/client/claude); CLAUDE_BINARY names
 * another one.
 */
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { within } from './wait.mjs';

const HERE = path.dirname(fileURLToPath(import.meta.url));
const INSTALLED = path.join(HERE, '../client/claude/node_modules/@anthropic-ai/claude-code/bin/claude.exe');
const BINARY = process.env.CLAUDE_BINARY ?? INSTALLED;
const works = existsSync(BINARY) && spawnSync(BINARY, ['--version'], { timeout: 60000 }).status === 0;

/* Why tests of it are left out; false where it works. */
export const skip = !works && `Claude Code is not installed (${BINARY}): npm ci in tests/client/claude`;

/* Runs it once in `folder`, through the proxy; gives what it printed and what the provider saw. */
export async function run_claude(t, home, folder, args) {
  const from = t.up.ledger.length;
  const child = spawn(BINARY, ['-p', ...args], {
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
