// Hostile text in every field of every view: nothing runs, nothing is fetched from elsewhere, no policy is broken.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { control, onMock, openPage, rows, startBrowser, startServer, why_skipped } from './support.mjs';

const skip = why_skipped || (!onMock && 'these tests need the mock’s hostile data');
let server;
let browser;
before(async () => {
  if (skip) return;
  server = await startServer({ hostile: true, rows: 60 });
  browser = await startBrowser();
});
after(async () => {
  await browser?.close();
  await server?.close();
});

const tabs = ['overview', 'conversation', 'changes', 'system', 'tools', 'headers', 'timeline', 'raw'];
const nothingRan = async (page) => assert.equal(await page.evaluate(() => window.__xss), undefined, 'a text from the traffic ran');

/** Opens whatever can be opened, so that nothing stays unseen. */
async function unfold(page) {
  for (let round = 0; round < 4; round++) {
    await page.evaluate(() => document.querySelectorAll('#tab-panel button[aria-expanded=false]').forEach((button) => button.click()));
  }
}

test('lists', { skip }, async () => {
  for (const path of ['/', '/sessions', '/stats', '/setup']) {
    const { page, trouble, close } = await openPage(browser, server, path);
    await page.locator('[role=row], tbody tr, .guide').first().waitFor();
    await nothingRan(page);
    assert.deepEqual(trouble, [], path);
    await close();
  }
});

test('every tab of a request with each text', { skip, timeout: 240_000 }, async () => {
  const texts = await control(server, 'hostile');
  const { requests } = await (await fetch(`${server.url}/api/requests?limit=60`)).json();
  const { page, trouble, close } = await openPage(browser, server, '/');
  for (const text of texts) {
    const row = requests.find((one) => one.title === text && one.status === 200) ?? requests.find((one) => one.model === text);
    assert.ok(row, `no request holds ${text}`);
    for (const tab of tabs) {
      await page.goto(`${server.url}/requests/${row.id}?tab=${tab}`);
      await page.locator('#tab-panel').waitFor();
      await page.waitForFunction(() => !document.querySelector('#tab-panel .notice.wait'));
      if (['system', 'tools', 'conversation', 'changes', 'raw'].includes(tab)) await unfold(page);
      await nothingRan(page);
    }
    assert.deepEqual(trouble, [], text);
  }
  await close();
});

test('an address made of hostile text', { skip }, async () => {
  for (const text of await control(server, 'hostile')) {
    const query = new URLSearchParams({ q: text, model: text, session: text, agent: text, tab: text, state: text });
    const { page, trouble, close } = await openPage(browser, server, `/?${query}`);
    await page.getByText('No request matches').waitFor();
    await nothingRan(page);
    assert.deepEqual(trouble, []);
    await close();
  }
});

test('the browser reported no breach of the policy', { skip }, async () => {
  assert.deepEqual(await control(server, 'reports'), []);
  assert.ok((await (await fetch(`${server.url}/`)).headers.get('content-security-policy')).includes("require-trusted-types-for 'script'"));
});

test('rows show hostile text as text', { skip }, async () => {
  const { page, close } = await openPage(browser, server, '/');
  await rows(page).first().waitFor();
  const shown = await page.locator('[role=row][aria-selected] .title a').allTextContents();
  assert.ok(shown.some((text) => text.includes('<script>')));
  await close();
});
