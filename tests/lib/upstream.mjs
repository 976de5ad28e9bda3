/*
 * upstream.mjs: a scripted provider. A raw TCP server that reads requests by hand, keeps a ledger
 * of every byte it received and sent, and does what a test's script says: answers in any framing,
 * pauses, cuts, resets, hangs, sends garbage.
 *
 * A script is chosen by the request's path, or by its session id header (`up.on(key, script)`);
 * what has none gets `up.fallback`. A script that writes to a closed connection just ends.
 */
import net from 'node:net';
import tls from 'node:tls';
import { Signal, DEADLINE_MS } from './wait.mjs';
import { BodyReader, bytes, head_bytes, header, header_all, parse_head } from './http1.mjs';

class PeerClosed extends Error {}

/* One request and what became of it: a line of the ledger. */
class Exchange {
  constructor(link, raw_head) {
    this.link = link;
    this.raw_head = Buffer.from(raw_head);
    const { line, headers } = parse_head(raw_head);
    this.line = line;
    [this.method, this.target, this.version] = line.split(' ');
    this.headers = headers;
    this.path = this.target?.split('?')[0];
    this.session = header(headers, 'x-claude-code-session-id');
    const te = header(headers, 'transfer-encoding');
    const length = header_all(headers, 'content-length')[0];
    if (te !== undefined) this.reader = new BodyReader('chunked');
    else this.reader = length === undefined ? new BodyReader('none') : new BodyReader('length', Number(length));
    this.sent = []; // body bytes, transfer coding removed
    this.sent_size = 0;
    this.is_finished = false; // a whole answer went out
    this.framing = 'none';
    this.started_at = performance.now();
  }

  header(name) {
    return header(this.headers, name);
  }

  get body() {
    return this.reader.body;
  }

  /* The whole request has arrived. */
  get is_received() {
    return this.reader.is_done;
  }

  get sent_body() {
    if (this.sent.length > 1) this.sent = [Buffer.concat(this.sent)];
    return this.sent[0] ?? Buffer.alloc(0);
  }

  async received(ms = DEADLINE_MS) {
    await this.link.signal.when(() => {
      if (this.is_received) return true;
      if (this.link.is_over) throw new PeerClosed('the request broke off');
      return false;
    }, 'the whole request', ms);
    return this.body;
  }

  /* Raw bytes, as they are. Resolves when the kernel has them. */
  write(data) {
    return new Promise((resolve, reject) => {
      if (this.link.socket.destroyed) reject(new PeerClosed('closed'));
      else this.link.socket.write(bytes(data), (e) => (e ? reject(new PeerClosed(e.message)) : resolve()));
    });
  }

  async head(status, headers = [], reason = 'OK') {
    const te = header(headers, 'transfer-encoding');
    if (te !== undefined) this.framing = 'chunked';
    else this.framing = header(headers, 'content-length') === undefined ? 'close' : 'length';
    this.sent_head = { line: `HTTP/1.1 ${status} ${reason}`, headers };
    await this.write(head_bytes(this.sent_head.line, headers));
  }

  /* A piece of the body, framed as the head said; one write. */
  async piece(data) {
    const piece = bytes(data);
    this.sent.push(piece);
    this.sent_size += piece.length;
    await this.write(this.framing === 'chunked'
      ? Buffer.concat([bytes(`${piece.length.toString(16)}\r\n`), piece, bytes('\r\n')]) : piece);
  }

  async finish() {
    this.is_finished = true;
    if (this.framing === 'chunked') await this.write('0\r\n\r\n');
    else if (this.framing === 'close') this.fin();
  }

  /* A whole answer. `framing`: 'length' (default), 'chunked', 'close'. */
  async respond(status, headers, body = '', { framing = 'length', reason = 'OK' } = {}) {
    const data = Buffer.from(body);
    const all = [...headers];
    if (framing === 'length' && header(all, 'content-length') === undefined)
      all.push(['Content-Length', String(data.length)]);
    if (framing === 'chunked') all.push(['Transfer-Encoding', 'chunked']);
    if (framing === 'close') all.push(['Connection', 'close']);
    await this.head(status, all, reason);
    if (data.length && this.method !== 'HEAD') await this.piece(data);
    await this.finish();
  }

  json(status, value, headers = []) {
    return this.respond(status, [['Content-Type', 'application/json'], ...headers], JSON.stringify(value));
  }

  /* An event stream, given as text pieces; each is one chunk. */
  async events(pieces, headers = []) {
    await this.head(200, [['Content-Type', 'text/event-stream; charset=utf-8'],
      ['Cache-Control', 'no-cache'], ...headers, ['Transfer-Encoding', 'chunked']]);
    for (const piece of pieces) await this.piece(Buffer.from(piece));
    await this.finish();
  }

  fin() {
    this.link.socket.end();
  }

  rst() {
    this.link.socket.resetAndDestroy();
  }

  /* The proxy has closed this connection (either way). Gives when, by performance.now(). */
  async closed(ms = DEADLINE_MS) {
    await this.link.signal.when(() => this.link.is_over, 'the upstream connection to be closed', ms);
    return this.link.over_at;
  }
}

class Link {
  constructor(upstream, socket) {
    this.upstream = upstream;
    this.socket = socket;
    this.signal = new Signal();
    this.received = [];
    this.received_size = 0;
    this.exchanges = [];
    this.pending = Buffer.alloc(0);
    this.current = null;
    this.over_at = 0;
    this.how = null;
    socket.setNoDelay(true);
    socket.unref(); // every wait has a deadline, which keeps the process
    socket.on('data', (data) => this.#data(data));
    socket.on('end', () => this.#over('fin'));
    socket.on('error', (e) => this.#over(e.code === 'ECONNRESET' ? 'rst' : e.code));
    socket.on('close', () => this.#over('close'));
  }

  get is_over() {
    return this.how !== null;
  }

  #over(how) {
    if (this.how === null) {
      this.how = how;
      this.over_at = performance.now();
    }
    if (how === 'fin' && (!this.current || this.current.is_finished)) this.socket.end();
    this.signal.fire();
    this.upstream.signal.fire();
  }

  #data(data) {
    this.upstream.received_size += data.length;
    this.received_size += data.length;
    if (this.upstream.is_raw_kept) this.received.push(data);
    this.pending = this.pending.length ? Buffer.concat([this.pending, data]) : data;
    this.#read();
    this.signal.fire();
    this.upstream.signal.fire();
  }

  #read() {
    while (this.pending.length) {
      if (this.current && !this.current.is_received) {
        this.pending = this.current.reader.feed(this.pending);
        if (!this.current.is_received) return;
        continue;
      }
      const end = this.pending.indexOf('\r\n\r\n');
      if (end < 0) return;
      const exchange = new Exchange(this, this.pending.subarray(0, end));
      this.pending = this.pending.subarray(end + 4);
      this.exchanges.push(exchange);
      this.current = exchange;
      this.upstream.ledger.push(exchange);
      this.upstream.signal.fire();
      this.#run(exchange);
    }
  }

  async #run(exchange) {
    try {
      const before = this.exchanges[this.exchanges.length - 2];
      if (before?.running) await before.running;
      exchange.running = this.upstream.script_for(exchange)(exchange);
      await exchange.running;
    } catch (e) {
      if (!(e instanceof PeerClosed)) this.upstream.problems.push(e);
    }
    exchange.is_over = true;
    this.signal.fire();
    this.upstream.signal.fire();
  }
}

export class Upstream {
  constructor() {
    this.ledger = []; // Exchange, in order of arrival
    this.links = [];
    this.problems = [];
    this.received_size = 0;
    this.is_raw_kept = true;
    this.signal = new Signal();
    this.scripts = new Map();
    this.fallback = async (x) => {
      if (x.header('expect')) await x.write('HTTP/1.1 100 Continue\r\n\r\n');
      await x.received();
      await x.json(200, { ok: true });
    };
  }

  /* `secure`: options of tls.createServer (key, cert …); `address`: to listen on. */
  static async start({ secure, address = '127.0.0.1' } = {}) {
    const up = new Upstream();
    const on_socket = (socket) => {
      up.links.push(new Link(up, socket));
      up.signal.fire();
    };
    up.tcp_count = 0;
    up.tls_errors = [];
    up.server = secure ? tls.createServer({ ...secure, ALPNProtocols: ['http/1.1'] }, on_socket)
      : net.createServer({ allowHalfOpen: true, noDelay: true }, on_socket);
    up.server.on('connection', () => { up.tcp_count += 1; });
    up.server.on('tlsClientError', (e) => {
      up.tls_errors.push(e);
      up.signal.fire();
    });
    await new Promise((resolve) => up.server.listen(0, address, resolve));
    up.server.unref();
    up.port = up.server.address().port;
    up.url = `${secure ? 'https' : 'http'}://${address.includes(':') ? `[${address}]` : address}:${up.port}`;
    return up;
  }

  on(key, script) {
    this.scripts.set(key, script);
  }

  script_for(exchange) {
    return this.scripts.get(exchange.path) ?? this.scripts.get(exchange.session) ?? this.fallback;
  }

  /* Requests of one path or session. */
  seen(key) {
    return this.ledger.filter((x) => x.path === key || x.session === key);
  }

  async arrival(key, ms = DEADLINE_MS) {
    return this.signal.when(() => this.seen(key)[0], `a request ${key} at the upstream`, ms);
  }

  async stop() {
    for (const link of this.links) link.socket.destroy();
    await new Promise((resolve) => this.server.close(resolve));
    if (this.problems.length) throw this.problems[0];
  }
}
