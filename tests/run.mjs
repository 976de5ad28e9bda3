/*
 * run.mjs: runs whole-program tests and adds them up.
 *
 *   node tests/run.mjs [--quick] [suite | suite/file…]      suites: e2e wire client fault
 *
 * The last line is "N passed, N failed, N skipped"; the exit code is not 0 when something failed.
 * TEST_LENGTH=long repeats slow cases as often as a release needs; --quick leaves out real clients
 * and kills. PROXY_BINARY names another binary than build/claude-code-proxy. TEST_STORE=postgres keeps
 * all records in PostgreSQL, a database for each data folder (lib/storing.mjs).
 */
import { existsSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { run } from 'node:test';
import { spec } from 'node:test/reporters';
import { Postgres, why_no_postgres } from './lib/postgres.mjs';

const ROOT = path.dirname(fileURLToPath(import.meta.url));
const ALL = ['wire', 'e2e', 'client', 'fault'];
const QUICK = ['wire', 'e2e'];
const FILE_LIMIT_MS = process.env.TEST_LENGTH === 'long' ? 3600000 : 600000;

const words = process.argv.slice(2);
const is_quick = words.includes('--quick');
const named = words.filter((w) => !w.startsWith('--'));
const file_of = (word) => path.join(ROOT, `${word}.test.mjs`);
const is_known = (word) => ALL.includes(word) || (word.includes('/') && existsSync(file_of(word)));
const unknown = [...named.filter((w) => !is_known(w)), ...words.filter((w) => w.startsWith('--') && w !== '--quick')];
if (unknown.length) {
  console.error(`no such suite or option: ${unknown.join(' ')}; suites: ${ALL.join(' ')}`);
  process.exit(64);
}
const suites = named.length ? named : is_quick ? QUICK : ALL;
const files = suites.flatMap((suite) => (ALL.includes(suite)
  ? readdirSync(path.join(ROOT, suite)).filter((f) => f.endsWith('.test.mjs')).sort().map((f) => path.join(ROOT, suite, f))
  : [file_of(suite)]));

const count = { passed: 0, failed: 0, skipped: 0 };
const is_file = (data) => files.includes(data.name);

/* Its end is the process's. */
if (process.env.TEST_STORE === 'postgres' && !process.env.TEST_POSTGRES_DSN) {
  const why = why_no_postgres();
  if (why) {
    console.log(`TEST_STORE=postgres: skipped: ${why}\n0 passed, 0 failed, 1 skipped`);
    process.exit(0);
  }
  process.env.TEST_POSTGRES_DSN = (await Postgres.start()).url;
}

/* node:sqlite says that it is experimental. */
const stream = run({ files, concurrency: 2, timeout: FILE_LIMIT_MS, execArgv: ['--disable-warning=ExperimentalWarning'] });
stream.on('test:pass', (data) => {
  if (is_file(data)) return;
  if (data.skip !== undefined) count.skipped += 1;
  else count.passed += 1;
});
stream.on('test:fail', () => { count.failed += 1; });
stream.compose(spec).pipe(process.stdout);
stream.on('end', () => {
  process.exitCode = count.failed ? 1 : 0;
  /* After the report, which is still on its way through the pipe. */
  process.once('beforeExit', () => {
    console.log(`${count.passed} passed, ${count.failed} failed, ${count.skipped} skipped`);
  });
});
