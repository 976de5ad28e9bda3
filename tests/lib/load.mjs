/*
 * load.mjs: mixed load, by chance from a seed: streams and plain answers, long conversations that
 * send everything again, answers that are cut, reset, refused or never end, clients that leave.
 *
 * A line is one request: what its client sent and got, and (as `x`) what the provider saw and sent.
 */
import { Conn } from './client.mjs';
import { ask_body, error_body, headers_for, session_id, text_stream } from './messages.mjs';

/* How often each kind of answer comes, of all. */
const KINDS = { stream: 6, json: 4, error: 2, cut: 2, reset: 1, leave: 2 };
export const CALM_KINDS = { stream: 6, json: 4, error: 2 };
export const RESTLESS_KINDS = { ...KINDS, endless: 4 };

const SYSTEM = Array.from({ length: 8 }, (_, i) => ({ type: 'text', text: `Rule ${i}. ${'Be careful with it. '.repeat(40)}` }));
const TOOLS = Array.from({ length: 10 }, (_, i) => ({
  name: `Tool${i}`, description: `What tool ${i} does. `.repeat(30), input_schema: { type: 'object', properties: { path: { type: 'string' } } },
}));

const pick = (r, kinds) => {
  const names = Object.entries(kinds).flatMap(([name, n]) => Array(n).fill(name));
  return names[r.below(names.length)];
};

const turn = () => new Promise((resolve) => { setImmediate(resolve); });
const STREAM_HEAD = [['Content-Type', 'text/event-stream'], ['Transfer-Encoding', 'chunked']];

/* The provider's part. */
function script_of(line, r) {
  const { kind } = line;
  const events = text_stream(`text ${r.below(1e9)} `.repeat(1 + r.below(60)), { id: `msg_${r.below(1e9)}` });
  const pause_every = 1 + r.below(6);
  return async (x) => {
    await x.received();
    if (kind === 'error') return x.json(529, error_body('overloaded_error', 'Overloaded'));
    if (kind === 'json') return x.json(200, { type: 'message', role: 'assistant', content: [{ type: 'text', text: events.join('') }] });
    await x.head(200, STREAM_HEAD);
    for (const [i, e] of events.entries()) {
      await x.piece(e);
      if (i === 0) await line.held;
      if (i % pause_every === 0) await turn();
      if (kind === 'cut' && i === events.length - 3) return x.fin();
      if (kind === 'reset' && i === events.length - 3) return x.rst();
      if (kind === 'leave' && i === 1) line.may_leave = true;
    }
    while (kind === 'endless' || kind === 'leave') {
      await x.piece(': ping\n\n');
      await new Promise((resolve) => { setTimeout(resolve, 3); });
    }
    return x.finish();
  };
}

export class Load {
  constructor(up, r, kinds = KINDS) {
    Object.assign(this, { up, r, kinds, lines: [], talks: [] });
  }

  /* A request that goes on from an earlier one, half of the time. */
  #body() {
    const { r } = this;
    let talk = this.talks[r.below(8)];
    if (!talk || talk.length > 30 || r.below(4) === 0) {
      talk = [];
      this.talks[r.below(8)] = talk;
    }
    talk.push({ role: 'user', content: [{ type: 'text', text: `asked ${r.below(1e9)} ${'x'.repeat(r.below(3000))}` }] });
    const body = ask_body('', { system: SYSTEM, tools: TOOLS, messages: [...talk] });
    talk.push({ role: 'assistant', content: [{ type: 'text', text: `said ${r.below(1e9)} `.repeat(1 + r.below(40)) }] });
    return body;
  }

  /* `more.held`: a promise that a stream waits for behind its first event. */
  line(more = {}) {
    const line = { session: session_id(), kind: pick(this.r, this.kinds), body: this.#body(), asked_at: Date.now(), ...more };
    this.up.on(line.session, script_of(line, this.r));
    this.lines.push(line);
    return line;
  }

  /* The client's part: asks, reads what comes, remembers how it ended. Never rejects. */
  async ask(proxy, line, ms = 60000) {
    let conn;
    try {
      conn = await Conn.open(proxy.port);
      line.is_open = true;
      line.conn = conn;
      await conn.request('POST', '/v1/messages?beta=true', { headers: headers_for(line.session), body: line.body });
      line.answer = await conn.head('POST', ms);
      if (line.kind === 'leave') {
        await conn.body_at_least(1 + this.r.below(400), ms);
        line.has_left = true;
        if (this.r.below(2)) conn.rst();
      } else {
        await conn.finish(ms);
      }
    } catch (e) {
      line.error = e;
    } finally {
      line.done_at = performance.now();
      conn?.destroy();
      line.conn = null;
    }
    return line;
  }

  /* So many lines, at most `width` at a time, each with a pause behind it; stops when `is_over`
   * says so. */
  async run(proxy, count, { width = 8, pause_ms = 0, is_over = () => false } = {}) {
    const ours = [];
    const one = async () => {
      while (ours.length < count && !is_over()) {
        const line = this.line();
        ours.push(line);
        await this.ask(proxy, line);
        if (pause_ms) await new Promise((resolve) => { setTimeout(resolve, pause_ms); });
      }
    };
    await Promise.all(Array.from({ length: width }, one));
    return ours;
  }

  /* Bytes of answers that clients have, of lines that are not forgotten. */
  get seen() {
    return this.lines.reduce((n, l) => n + (l.answer?.reader?.size ?? 0), 0);
  }

  /* Keeps of these lines what a later look at rows needs, and frees their bytes. */
  forget(lines) {
    for (const line of lines) {
      line.answer = line.answer && { is_clean: line.answer.is_clean, status: line.answer.status };
      line.is_forgotten = true;
      for (const x of this.up.seen(line.session)) {
        x.reader.pieces = [];
        x.sent = [];
      }
    }
  }
}
