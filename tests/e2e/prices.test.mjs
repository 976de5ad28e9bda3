/*
 * prices.test.mjs: prices of one's own, and what happens to what was recorded when they change.
 */
import { after, before, test } from 'node:test';
import assert from 'node:assert/strict';
import fs from 'node:fs/promises';
import { Conn, ask } from '../lib/client.mjs';
import { ask_body, headers_for, session_id, text_stream } from '../lib/messages.mjs';
import { Proxy } from '../lib/proxy.mjs';
import { Upstream } from '../lib/upstream.mjs';
import { until } from '../lib/wait.mjs';

let up;
before(async () => { up = await Upstream.start(); });
after(async () => {
  Conn.destroy_all();
  await up.stop();
});

const usage = { input_tokens: 1000, cache_read_input_tokens: 20000, cache_creation_input_tokens: 0, output_tokens: 1 };

async function say(proxy, model) {
  const session = session_id();
  up.on(session, async (x) => {
    await x.received();
    await x.events(text_stream('It is done.', { model, usage, output_tokens: 100 }));
  });
  await ask(proxy.port, 'POST', '/v1/messages', { headers: headers_for(session), body: ask_body('do it', { model }) });
  return proxy.row(session);
}

test('own prices; all is priced again when they change, and once only', async () => {
  const own = ['house-* input=2 output=10', 'claude-opus-5 input=1 output=2 cache_read=0.5'];
  let proxy = await Proxy.start({ upstream: up, keep: true });
  try {
    const before_it = await say(proxy, 'house-llama');
    assert.equal(before_it.cost_usd_micro, null);
    assert.ok(before_it.flags.includes('cost_unknown'));
    const opus = await say(proxy, 'claude-opus-5');
    assert.equal(opus.cost_usd_micro, 1000 * 5 + 100 * 25 + 20000 / 2);
    await proxy.stop();

    proxy = await proxy.restart({ config: { prices: { own } } });
    const fresh = await say(proxy, 'claude-opus-5');
    assert.equal(fresh.cost_usd_micro, 1000 + 200 + 10000);
    const stats = await until(async () => {
      const s = await proxy.api('/api/stats');
      return s.total.cost_usd_micro === 2 * fresh.cost_usd_micro && s;
    }, 'what was recorded before to be priced again');
    assert.equal(stats.total.unknown_cost_count, 1, 'house-llama read from a cache, whose price is not told');
    assert.equal((await proxy.row(opus.session_id)).cost_usd_micro, fresh.cost_usd_micro);
    await until(() => /prices have changed/.test(proxy.log), 'the log to say so');
    await proxy.stop();

    proxy = await proxy.restart({ config: { prices: { own: [...own, 'house-llama input=0 output=0'] } } });
    await say(proxy, 'claude-opus-5');
    await proxy.stop();
    assert.ok(!/prices have changed/.test(proxy.log), 'no cost is another: the first line that fits decides');
  } finally {
    await proxy.stop();
    await fs.rm(proxy.dir, { recursive: true, force: true });
  }
});

test('a line that is wrong keeps the proxy from starting, and is named', async () => {
  await assert.rejects(Proxy.start({ upstream: up, config: { prices: { own: ['m input=1 output=2', 'm inptu=1'] } } }), /prices\.own, line 2/);
});
