// The real binary with its embedded dashboard, real traffic through it, its own policy: requests appear and
// finish live, the page comes back after a restart, hostile traffic is shown as text, numbers agree.
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import http from 'node:http';
import { after, before, test } from 'node:test';
import { hostileTexts } from '../../web/dev/hostile.mjs';
import { ask_body, block_events, event, headers_for, session_id, start_event } from '../lib/messages.mjs';
import { BINARY, Proxy } from '../lib/proxy.mjs';
import { openPage, rows, shoot, startBrowser, why_skipped } from './support.mjs';

// A build without Node has a page in the dashboard's place that says so.
const has_dashboard = existsSync(BINARY) && readFileSync(BINARY).includes('_app/immutable');
const skip = why_skipped || (!has_dashboard && `no dashboard in ${BINARY}`);
const texts = hostileTexts.filter((_, index) => index % 5 === 0).map((text) => text.toWellFormed());
let browser;
let upstream;
let proxy;
const held = new Set(); // streams that wait for the test's word
let say = () => [{ type: 'text', text: 'Done.' }];

before(async () => {
  if (skip) return;
  upstream = http.createServer(async (request, response) => {
    const parts = [];
    for await (const part of request) parts.push(part);
    const asked = JSON.parse(Buffer.concat(parts).toString() || '{}');
    response.writeHead(200, { 'content-type': 'text/event-stream', 'request-id': 'req_real' });
    response.write(start_event({ model: asked.model }));
    for (const [index, block] of say(asked).entries()) for (const text of block_events(index, block)) response.write(text);
    const end = () => response.end(event('message_delta', { delta: { stop_reason: 'end_turn', stop_sequence: null }, usage: { output_tokens: 77 } }) + event('message_stop'));
    if (asked.metadata?.user_id === 'hold') held.add(end);
    else end();
  });
  await new Promise((resolve) => { upstream.listen(0, '127.0.0.1', resolve); });
  proxy = await Proxy.start({ upstream: `http://127.0.0.1:${upstream.address().port}` });
  browser = await startBrowser();
});
after(async () => {
  await browser?.close();
  await proxy?.stop();
  upstream?.closeAllConnections();
  upstream?.close();
});

const post = (body, session = session_id()) => fetch(`${proxy.url}/v1/messages`, { method: 'POST', headers: Object.fromEntries(headers_for(session)), body });
const json = async (path) => (await fetch(proxy.url + path)).json();
async function stored(count) {
  for (let n = 0; n < 200; n++) {
    const page = await json('/api/requests?limit=1');
    const { total } = await json('/api/stats');
    if (page.total === count && total.request_count === count) return;
    await new Promise((resolve) => { setTimeout(resolve, 50); });
  }
  assert.fail(`there never were ${count} requests in the record`);
}

test('an empty store waits, and turns green with the first request', { skip }, async () => {
  const { page, trouble, close } = await openPage(browser, proxy, '/setup');
  await page.getByText('Waiting for your first request').waitFor();
  await page.getByText(`ANTHROPIC_BASE_URL=${proxy.url}`).waitFor();
  await page.locator('.status.live').waitFor();
  await (await post(ask_body('The first words of all'))).text();
  await page.getByText('Connected. Last request').waitFor();
  await page.getByRole('button', { name: /All \d+ keys/ }).click();
  await page.getByText('storage.retention.max_bytes').first().waitFor();
  await shoot(page, 'real-setup');
  assert.deepEqual(trouble, []);
  await close();
});

test('a request appears while it runs, and finishes', { skip }, async () => {
  const { page, trouble, close } = await openPage(browser, proxy, '/');
  await rows(page).first().waitFor();
  await page.locator('.status.live').waitFor();
  const answer = post(ask_body('A request that takes its time', { metadata: { user_id: 'hold' } }));
  const row = rows(page).filter({ hasText: 'A request that takes its time' });
  await row.waitFor();
  assert.match(await row.getAttribute('class'), /running/);
  await row.click();
  await page.getByRole('region', { name: 'Request' }).getByText('running').waitFor();
  for (const end of held) end();
  held.clear();
  await (await answer).text();
  await page.getByRole('region', { name: 'Request' }).getByText('complete').waitFor();
  await page.locator('#tab-conversation').click();
  await page.locator('#tab-panel').getByText('Done.').waitFor();
  await shoot(page, 'real-request');
  assert.deepEqual(trouble, []);
  await close();
});

test('the page comes back when the proxy does, with what it missed', { skip }, async () => {
  const { page, close } = await openPage(browser, proxy, '/');
  await rows(page).first().waitFor();
  await page.locator('.status.live').waitFor();
  const { port } = proxy;
  const before = await rows(page).count();
  await proxy.kill();
  await page.locator('.status.reconnecting').waitFor();
  proxy = await proxy.restart({ port });
  await (await post(ask_body('After the restart'))).text();
  await page.locator('.status.live').waitFor({ timeout: 20_000 });
  await rows(page).filter({ hasText: 'After the restart' }).waitFor();
  assert.equal(await rows(page).count(), before + 1);
  await close();
});

test('hostile traffic is shown as text, under the binary’s own policy', { skip, timeout: 120_000 }, async () => {
  const session = session_id();
  const { total: before } = await json('/api/requests?limit=1');
  say = (asked) => {
    const text = asked.metadata.user_id;
    return [{ type: 'thinking', thinking: text, signature: 's' }, { type: 'text', text }, { type: 'tool_use', id: 't', name: 'Bash', input: { command: text, [text]: text } }];
  };
  for (const text of texts) {
    const tool = { name: 'Edit', description: text, input_schema: { type: 'object', title: text } };
    const messages = [{ role: 'user', content: text }, { role: 'assistant', content: [{ type: 'tool_use', id: 'a', name: 'Edit', input: { file_path: text, old_string: text, new_string: `${text}!` } }] }, { role: 'user', content: [{ type: 'tool_result', tool_use_id: 'a', content: text, is_error: true }] }];
    await (await post(ask_body('', { model: text.slice(0, 200), system: text, tools: [tool], metadata: { user_id: text }, messages }), session)).text();
  }
  await stored(before + texts.length);
  say = () => [{ type: 'text', text: 'Done.' }];
  const { requests } = await json(`/api/requests?limit=500&session=${session}`);
  const views = ['/', `/sessions/${session}`, `/sessions/${session}?tab=chat`, '/sessions', '/search?q=window', '/stats', `/diff?before=${requests[1].id}&after=${requests[0].id}`,
    ...['conversation', 'system', 'tools', 'headers', 'raw'].flatMap((tab) => requests.filter((_, index) => index % 8 === 0).map((row) => `/requests/${row.id}?tab=${tab}`))];
  const { page, trouble, close } = await openPage(browser, proxy, '/');
  await page.locator('.status.live').waitFor();
  for (const view of views) {
    await page.evaluate((to) => {
      const link = Object.assign(document.createElement('a'), { href: to });
      document.body.append(link);
      link.click();
      link.remove();
    }, view);
    await page.waitForFunction((to) => location.pathname + location.search === to && !document.querySelector('.notice.wait'), view);
    await page.evaluate(() => document.querySelectorAll('main button[aria-expanded=false]').forEach((button) => button.click()));
    assert.equal(await page.evaluate(() => window.__xss), undefined, view);
    assert.deepEqual(trouble, [], view);
  }
  await close();
});

test('the numbers of every page are those of the API', { skip }, async () => {
  const [{ total }, list] = [await json('/api/stats'), await json('/api/requests?limit=1')];
  assert.equal(total.request_count, list.total);
  const { page, close } = await openPage(browser, proxy, '/stats');
  await page.locator('dl').first().waitFor();
  assert.equal(await page.locator('dl dd').first().textContent(), String(total.request_count));
  await page.locator('tbody tr').first().waitFor();
  const shown = await page.locator('tbody tr td:nth-child(3)').allTextContents();
  assert.equal(shown.reduce((sum, text) => sum + Number(text.replace(',', '')), 0), total.request_count, 'a division adds up to the total');
  await shoot(page, 'real-stats');
  await page.goto(`${proxy.url}/`);
  await page.getByText(`${total.request_count} requests`).waitFor();
  await close();
});
