// A request as a line for the terminal. Secrets were masked before they were stored, so they become variables.
import type { RequestDetail } from '../api/types.ts';

const longest_inline = 100_000; // characters of a body; a longer one is read from a file
const left_out = new Set(['host', 'content-length', 'connection', 'transfer-encoding', 'accept-encoding', 'content-encoding']);
const quote = (text: string) => `'${text.replaceAll("'", `'\\''`)}'`;

export function curlOf(head: RequestDetail, body: string, origin: string): string {
  const url = origin + head.path + (head.query ? `?${head.query}` : '');
  const headers = head.request_headers.filter(([name]) => !left_out.has(name.toLowerCase())).map(([name, value]) => `-H ${headerOf(name, value)}`);
  const parts = [`curl ${quote(url)}`];
  if (head.method !== 'GET' && head.method !== 'POST') parts.push(`-X ${head.method}`);
  if (head.stream) parts.push('--no-buffer');
  parts.push(...headers);
  if (body) parts.push(body.length <= longest_inline ? `--data-raw ${quote(body)}` : `--data-binary @request-${head.id}.json`);
  return parts.join(' \\\n  ');
}

function headerOf(name: string, value: string): string {
  if (name.toLowerCase() === 'x-api-key') return `"${name}: $ANTHROPIC_API_KEY"`;
  if (name.toLowerCase() === 'authorization') return `"${name}: Bearer $ANTHROPIC_AUTH_TOKEN"`;
  return quote(`${name}: ${value}`);
}
