/*
 * chat_provider.mjs: a provider that a test scripts answer by answer, over plain HTTP: what it
 * answers is its `reply`, what it was asked is in `seen`. It says Chat Completions unless told
 * otherwise.
 */
import http from 'node:http';
import { Signal } from './wait.mjs';

export const chunk = (delta, more = {}) => `data: ${JSON.stringify({
  id: 'c1', object: 'chat.completion.chunk', created: 1, model: 'local-1', choices: [{ index: 0, delta, finish_reason: null, ...more }],
})}\n\n`;
export const usage = `data: ${JSON.stringify({ id: 'c1', object: 'chat.completion.chunk', choices: [], usage: { prompt_tokens: 100, completion_tokens: 7, prompt_tokens_details: { cached_tokens: 40 } } })}\n\n`;
/* A whole answer: "Hello", or whatever text, in two pieces. */
export const saying = (text) => [
  chunk({ role: 'assistant', content: '' }), chunk({ content: text.slice(0, 3) }), chunk({ content: text.slice(3) }),
  chunk({}, { finish_reason: 'stop' }), usage,
];
export const hello = saying('Hello');

export function say(r, pieces = hello) {
  r.writeHead(200, { 'content-type': 'text/event-stream' });
  for (const p of pieces) r.write(p);
  r.end('data: [DONE]\n\n');
}

export function refuse(r, status, headers = {}, message = `refused with ${status}`) {
  r.writeHead(status, { 'content-type': 'application/json', ...headers });
  r.end(JSON.stringify({ error: { message, type: 'some_error' } }));
}

export class ChatProvider {
  static async start({ port = 0, reply = (r) => say(r) } = {}) {
    const c = new ChatProvider();
    c.seen = [];
    c.signal = new Signal();
    c.reply = reply;
    c.server = http.createServer(async (q, r) => {
      const parts = [];
      q.on('error', () => {});
      for await (const p of q) parts.push(p);
      const body = Buffer.concat(parts).toString();
      c.seen.push({ url: q.url, method: q.method, headers: q.headers, raw_headers: q.rawHeaders, body, json: body ? JSON.parse(body) : null });
      c.signal.fire();
      await c.reply(r, c.seen.at(-1), c.seen.length);
    });
    await new Promise((resolve) => { c.server.listen(port, '127.0.0.1', resolve); });
    c.port = c.server.address().port;
    c.origin = `http://127.0.0.1:${c.port}`;
    c.url = `${c.origin}/v1`;
    return c;
  }

  /* It was asked `count` times in all. */
  asked(count, ms) {
    return this.signal.when(() => this.seen.length >= count, `request ${count}`, ms);
  }

  stop() {
    this.server.closeAllConnections();
    return new Promise((resolve) => { this.server.close(resolve); });
  }
}
