// Every page, in both themes and at two widths: it shows what it should, breaks no policy, is accessible.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { AxeBuilder } from '@axe-core/playwright';
import { onMock, openPage, rows, shoot, startBrowser, startServer, why_skipped } from './support.mjs';

let server;
let browser;
before(async () => {
  if (why_skipped) return;
  server = await startServer();
  browser = await startBrowser();
});
after(async () => {
  await browser?.close();
  await server?.close();
});

const tabs = ['overview', 'conversation', 'changes', 'system', 'tools', 'headers', 'timeline', 'raw'];
const pages = [
  ['requests', '/', (page) => rows(page).first()],
  ['monitor', '/monitor', (page) => rows(page).first()],
  ['sessions', '/sessions', (page) => page.locator('tbody tr').first()],
  ['search', '/search?q=date', (page) => page.locator('.hit mark').first()],
  ['search-empty', '/search', (page) => page.getByText('side by side, in this order')],
  ['stats', '/stats', (page) => page.locator('.chart canvas, [role=status]').first()],
  ['routing', '/routing', (page) => page.getByText('subagents.mappings.code-reviewer').or(page.getByText('No rule is configured')).first()],
  ['setup', '/setup', (page) => page.getByText(/ANTHROPIC_BASE_URL=http/)]
];

for (const theme of ['light', 'dark']) {
  for (const [size, width] of [['wide', 1440], ['narrow', 390]]) {
    for (const [name, path, sign] of pages) {
      test(`${name}, ${theme}, ${size}`, { skip: why_skipped }, async () => {
        const { page, trouble, close } = await openPage(browser, server, path, { width, theme });
        await sign(page).waitFor();
        await shoot(page, `${name}-${theme}-${size}`);
        const sideways = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
        assert.equal(sideways, 0, 'the page scrolls sideways');
        assert.deepEqual(trouble, []);
        await close();
      });
    }
  }
}

test('each tab of a request shows its part', { skip: why_skipped }, async () => {
  const list = await (await fetch(`${server.url}/api/requests?limit=50&state=complete`)).json();
  const row = list.requests.find((one) => one.path === '/v1/messages' && one.stream && one.tool_count) ?? list.requests[0];
  const signs = { overview: 'Who and where', conversation: 'assistant', changes: 'Billing line', system: 'Parameters', tools: row.tool_count ? 'Bash' : 'No tools', headers: 'Host', timeline: 'Rhythm', raw: 'message_start' };
  const { page, trouble, close } = await openPage(browser, server, `/requests/${row.id}`, { width: 1440 });
  for (const tab of tabs) {
    await page.locator(`#tab-${tab}`).click();
    await page.locator('#tab-panel').getByText(signs[tab], { exact: false }).first().waitFor();
    await shoot(page, `tab-${tab}`);
    assert.equal(new URL(page.url()).searchParams.get('tab') ?? 'overview', tab, 'the tab is in the address');
  }
  assert.deepEqual(trouble, []);
  await close();
});

test('what the client itself wrote down of a session', { skip: why_skipped || !onMock }, async () => {
  const { sessions } = await (await fetch(`${server.url}/api/sessions?limit=50`)).json();
  const session = sessions.find((one) => one.agent_count > 1) ?? sessions[0];
  const { page, trouble, close } = await openPage(browser, server, `/sessions/${session.session_id}?tab=transcript`, { width: 1440 });
  await page.locator('article').first().waitFor();
  await page.getByText('not recorded').first().waitFor();
  await page.getByRole('link', { name: 'request', exact: true }).first().waitFor();
  await page.getByText('queue-operation').first().click();
  await page.getByText('enqueue').first().waitFor();
  await shoot(page, 'session-transcript');
  assert.deepEqual(trouble, []);
  await close();
});

test('a session\'s turns are numbered within their agent', { skip: why_skipped }, async () => {
  const { sessions } = await (await fetch(`${server.url}/api/sessions?limit=50`)).json();
  const { page, close } = await openPage(browser, server, `/sessions/${sessions[0].session_id}`, { width: 1440 });
  const main = page.locator('[role=treegrid] .agent').first();
  await main.waitFor();
  if (await main.getAttribute('aria-expanded') !== 'true') await main.locator('button').click();
  await page.locator('.turn').first().waitFor();
  const numbers = await page.locator('.trace .turn').evaluateAll((turns) => turns.map((one) => one.children[1].textContent));
  assert.equal(numbers[0], '1');
  assert.ok(numbers.every((text, i) => text === '1' || Number(text) === Number(numbers[i - 1]) + 1), numbers.join(' '));
  await close();
});

test('axe finds nothing serious on any page', { skip: why_skipped, timeout: 480_000 }, async () => {
  const few = onMock ? await startServer({ rows: 16 }) : server;
  const list = await (await fetch(`${few.url}/api/requests?limit=40&state=complete`)).json();
  const [one, two] = list.requests.filter((row) => row.path === '/v1/messages' && row.stream);
  const paths = [
    '/', ...tabs.map((tab) => `/requests/${one.id}?tab=${tab}`), '/sessions', `/sessions/${one.session_id}`, `/sessions/${one.session_id}?tab=chat`, `/sessions/${one.session_id}?tab=transcript`,
    '/search', '/search?q=date', `/diff?before=${two.id}&after=${one.id}`, '/stats', '/stats?by=tool', '/routing', '/setup'
  ];
  const in_dark = [`/requests/${one.id}?tab=conversation`, '/search?q=date', '/routing', '/setup'];
  const found = [];
  for (const [theme, some] of [['light', paths], ['dark', in_dark]]) {
    const { page, close } = await openPage(browser, few, '/', { theme, height: 600, bypassCSP: true });
    for (const path of some) {
      await page.goto(few.url + path);
      await page.locator('main :is(h1, h2, [role=row], input)').first().waitFor({ state: 'attached' });
      await page.waitForFunction(() => !document.querySelector('.notice.wait'));
      const { violations } = await new AxeBuilder({ page }).analyze();
      const serious = violations.filter((violation) => ['serious', 'critical'].includes(violation.impact));
      found.push(...serious.map((violation) => `${theme} ${path} ${violation.id}: ${violation.nodes.map((node) => node.target.join(' ')).slice(0, 4).join(' | ')}`));
    }
    await close();
  }
  if (few !== server) await few.close();
  assert.deepEqual(found, []);
});

test('an address that leads nowhere says so', { skip: why_skipped }, async () => {
  const { page, close } = await openPage(browser, server, '/requests/no-such-request');
  await page.getByText('There is no such request').waitFor({ timeout: 3000 }); // an old id is not waited for
  await page.goto(`${server.url}/sessions/no-such-session`);
  await page.getByText('There is no such session').waitFor();
  assert.doesNotMatch(await page.locator('header .line').textContent(), /0/, 'what is not known is not 0');
  await close();
  const lost = await openPage(browser, server, '/design');
  await lost.page.getByText('There is no such page').first().waitFor();
  await lost.close();
});

test('the first load is under 200 KB', { skip: why_skipped || !onMock }, async () => {
  const { page, close } = await openPage(browser, server, '/setup');
  await page.goto('about:blank');
  const client = await page.context().newCDPSession(page);
  let bytes = 0;
  await client.send('Network.enable');
  await client.send('Network.setCacheDisabled', { cacheDisabled: true });
  client.on('Network.loadingFinished', (event) => (bytes += event.encodedDataLength));
  await page.goto(server.url);
  await rows(page).first().waitFor();
  const { requests } = await page.evaluate(async () => ({ requests: performance.getEntriesByType('resource').filter((entry) => entry.name.includes('/api/')).reduce((sum, entry) => sum + entry.encodedBodySize, 0) }));
  console.log(`first load: ${Math.round((bytes - requests) / 1024)} KB without data`);
  assert.ok(bytes - requests < 200_000, `${bytes - requests} bytes`);
  await close();
});

// Usually a third of a second; the ceiling leaves room for a machine that is busy with something else.
const most_ms = 15_000;

test('a request of 5 MB is shown at once', { skip: why_skipped, timeout: 90_000 }, async () => {
  const block = (n) => ({ role: n % 2 ? 'assistant' : 'user', content: [{ type: 'text', text: `message ${n} ${'lorem ipsum '.repeat(800)}` }] });
  const body = JSON.stringify({ model: 'm', system: 'x'.repeat(200_000), messages: Array.from({ length: 500 }, (_, n) => block(n)) });
  assert.ok(body.length > 4_900_000);
  const { requests } = await (await fetch(`${server.url}/api/requests?limit=1`)).json();
  const { page, close } = await openPage(browser, server, '/');
  await page.route('**/request/body*', (route) => route.fulfill({ body, contentType: 'application/octet-stream' }));
  await rows(page).first().waitFor();
  for (const [tab, sign] of [['conversation', 'message 499'], ['system', 'Parameters'], ['raw', 'Answer, decoded']]) {
    const took_ms = await page.evaluate(async ([id, tab, sign]) => {
      const from = performance.now();
      document.querySelector(`#row-${id}`).click();
      while (!document.querySelector(`#tab-${tab}`)) await new Promise(requestAnimationFrame);
      document.querySelector(`#tab-${tab}`).click();
      while (!document.querySelector('#tab-panel')?.textContent.includes(sign) && performance.now() - from < 20_000) await new Promise(requestAnimationFrame);
      return performance.now() - from;
    }, [requests[0].id, tab, sign]);
    console.log(`5 MB request, ${tab}: ${Math.round(took_ms)} ms`);
    assert.ok(took_ms < most_ms, `${tab} took ${took_ms} ms`);
    await page.keyboard.press('Escape');
    await page.locator('section.detail').waitFor({ state: 'detached' });
  }
  await close();
});

test('a request that was translated tells what was lost', { skip: why_skipped || (!onMock && 'rows of the mock') }, async () => {
  const list = await (await fetch(`${server.url}/api/requests?limit=100`)).json();
  const row = list.requests.find((one) => one.flags.includes('translated') && one.losses?.length);
  const { page, trouble, close } = await openPage(browser, server, `/requests/${row.id}`, { width: 1440 });
  const part = page.locator('section', { has: page.getByRole('heading', { name: `Translated for ${row.provider}` }) }).last();
  await part.getByText('top_k').waitFor();
  assert.deepEqual(await part.locator('h3').allTextContents(), ['dropped', 'approximated', 'renamed']);
  await shoot(page, 'translated');
  assert.deepEqual(trouble, []);
  await close();
});

test('where a request went, and where it only would have gone', { skip: why_skipped || (!onMock && 'rows of the mock') }, async () => {
  const list = await (await fetch(`${server.url}/api/requests?limit=200`)).json();
  const routed = list.requests.find((one) => one.route && !one.shadow);
  const shadow = list.requests.find((one) => one.shadow && one.cost_usd_micro && one.shadow_cost_usd_micro);
  const { page, trouble, close } = await openPage(browser, server, `/requests/${routed.id}`, { width: 1440 });
  const part = page.locator('#tab-panel section').filter({ has: page.getByRole('heading', { name: 'Route', exact: true }) });
  await part.getByText(routed.route_target).waitFor();
  await part.getByText(routed.route, { exact: true }).waitFor();
  await part.getByRole('button', { name: 'Why?' }).click();
  await part.getByText(`By the rules of today it goes to ${routed.route_target}, by ${routed.route}.`).waitFor();
  await shoot(page, 'routed');
  await page.goto(`${server.url}/requests/${shadow.id}`);
  await part.getByText('Only in shadow: it stayed with anthropic').waitFor();
  assert.match(await part.textContent(), /would have cost \$0\.0018/);
  await shoot(page, 'shadow');
  await page.goto(`${server.url}/?class=title&columns=title,class,provider`);
  await rows(page).first().waitFor();
  assert.deepEqual([...new Set(await page.locator('[role=row][aria-selected] .class').allTextContents())], ['title']);
  assert.deepEqual(trouble, []);
  await close();
});

test('the routes as they are: mode, rules, a breaker that is open, a configuration that was refused', { skip: why_skipped || (!onMock && 'steers the mock') }, async () => {
  const own = await startServer();
  const { page, trouble, close } = await openPage(browser, own, '/routing', { width: 1440 });
  await page.getByText('The first rule that fits decides.').waitFor();
  await page.getByText(/left out for \d+ s more/).waitFor();
  await page.getByText('covered by the one above').waitFor();
  await fetch(`${own.url}/__mock/routing?mode=shadow&error=${encodeURIComponent('config.yaml:31:7: no such provider: opnai')}`);
  await page.getByText('Nothing is routed.').waitFor();
  await page.getByText('The changed configuration was refused').waitFor();
  await page.getByText('config.yaml:31:7: no such provider: opnai').waitFor();
  await page.getByRole('columnheader', { name: 'Would go to' }).waitFor();
  await shoot(page, 'routing-shadow');
  await page.locator('tr', { hasText: 'code-reviewer' }).first().getByRole('link').last().click();
  await page.waitForURL(/\?route=subagents/);
  assert.deepEqual(trouble, []);
  await close();
  await own.close();
});

test('one request is deleted from its own page, after asking', { skip: why_skipped || (!onMock && 'deletes') }, async () => {
  const list = await (await fetch(`${server.url}/api/requests?limit=50`)).json();
  const row = list.requests.find((one) => one.state === 'complete');
  const there = async () => (await fetch(`${server.url}/api/requests/${row.id}`)).status;
  const { page, trouble, close } = await openPage(browser, server, `/requests/${row.id}`, { width: 1440 });
  await page.getByRole('button', { name: 'Delete…' }).click();
  await shoot(page, 'delete-one');
  await page.getByRole('dialog').getByRole('button', { name: 'Leave it' }).click();
  assert.equal(await there(), 200, 'nothing is deleted before it was said');
  await page.getByRole('button', { name: 'Delete…' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Delete', exact: true }).click();
  await page.waitForURL((url) => url.pathname === '/');
  assert.equal(await there(), 404);
  await page.getByText(`${list.total - 1} requests`).waitFor();
  assert.deepEqual(trouble, []);
  await close();
});
