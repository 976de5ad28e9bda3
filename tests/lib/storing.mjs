/*
 * storing.mjs: where proxies and commands under test keep their records. SQLite, as they do by
 * themselves; with TEST_STORE=postgres each data folder has a database of its own on one server,
 * which run.mjs starts (or TEST_POSTGRES_DSN names).
 */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import path from 'node:path';
import { with_database } from './postgres.mjs';

const ON_POSTGRES = process.env.TEST_STORE === 'postgres';
if (!['sqlite', 'postgres', undefined].includes(process.env.TEST_STORE)) throw new Error(`no such store: ${process.env.TEST_STORE}`);

/* For `skip`: what is about the database's file, not about the store. */
export const only_a_file = ON_POSTGRES && 'it is about the SQLite file';

const made = new Map();
const psql = (text) => execFileSync('psql', ['-X', '-q', '-v', 'ON_ERROR_STOP=1', '-d', process.env.TEST_POSTGRES_DSN, '-c', text]);

/* The environment that leads to the store of this data folder, the same for each who uses it. */
export function store_env(data_dir) {
  if (!ON_POSTGRES || !data_dir) return {};
  const dir = path.resolve(data_dir);
  if (!made.has(dir)) {
    const name = `store_${createHash('sha256').update(`${process.pid} ${dir}`).digest('hex').slice(0, 16)}`;
    psql(`CREATE DATABASE ${name} TEMPLATE template0 ENCODING 'UTF8'`);
    made.set(dir, name);
  }
  return { DB_TYPE: 'postgres', DATABASE_URL: with_database(process.env.TEST_POSTGRES_DSN, made.get(dir)) };
}

/* The same for a command's line, if it names its folder. */
export function store_env_of(args) {
  const at = args.indexOf('--data-dir');
  return at < 0 ? {} : store_env(args[at + 1]);
}

/* The data folder is gone. */
export function store_forget(data_dir) {
  const dir = path.resolve(data_dir);
  if (made.has(dir)) psql(`DROP DATABASE IF EXISTS ${made.get(dir)} WITH (FORCE)`);
  made.delete(dir);
}
