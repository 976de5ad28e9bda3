// 400 hostile texts in every field of every view: nothing runs, no dialog opens, nothing is fetched from
// elsewhere, no policy is broken. Each text stands in a row of its own; bodies hold forty each, ten hold them all.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { control, onMock, openPage, startBrowser, startServer, why_skipped } from './support.mjs';

const skip = why_skipped || (!onMock && 'these tests need the mock’s hostile data');
const bodies = 10;
const is_long = process.env.TEST_LENGTH === 'long'; // otherwise the slowest views see a part of the texts
let server;
let browser;
let texts;
before(async () => {
  if (skip) return;
  server = await startServer({ hostile: true, rows: 800 });
  browser = await startBrowser();
  texts = await control(server, 'hostile');
});
after(async () => {
  await browser?.close();
  await server?.close();
});

async function open(path, options) {
  const opened = await openPage(browser, server, path, options);
  await opened.page.locator('.status.live').waitFor({ state: 'attached' });
  return opened;
}

/** Nothing ran, nothing broke, no element came out of a text. */
async function stayedQuiet(page, trouble, where) {
  const found = await page.evaluate(() => ({
    ran: window.__xss,
    strangers: [
      ...document.querySelectorAll('iframe, object, embed, base, math, template, form[action], video, link[href*=invalid], img:not([src^="data:"]):not([src^="blob:"])'),
      // A link of Markdown leads somewhere only when it is pressed, and tells nobody where from.
      ...[...document.links].filter((link) => link.origin !== location.origin && !(/^https?:$/.test(link.protocol) && link.relList.contains('noreferrer') && link.relList.contains('noopener')))
    ].slice(0, 5).map((one) => one.outerHTML.slice(0, 100))
  }));
  assert.equal(found.ran, undefined, `${where}: a text from the traffic ran`);
  assert.deepEqual(found.strangers, [], `${where}: an element was made of a text`);
  assert.deepEqual(trouble, [], where);
}

/** Walks within the page, as a click on a link does. */
const go = (page, href) => page.evaluate((to) => {
  const link = document.createElement('a');
  link.setAttribute('href', to);
  document.body.append(link);
  link.click();
  link.remove();
}, href);

/** Presses a button that says so, wherever it stands. */
const press = (page, words) => page.evaluate((label) => [...document.querySelectorAll('button')].find((one) => one.textContent.trim() === label).click(), words);

/** Opens whatever can be opened below an element, so that nothing stays unseen. */
const unfold = (page, root, rounds = 3) => page.evaluate(async ([selector, most]) => {
  const frame = () => new Promise(requestAnimationFrame);
  for (let round = 0; round < most; round++) {
    const buttons = [...document.querySelectorAll(`${selector} button[aria-expanded=false], ${selector} .more button`)];
    for (const button of buttons) if (button.isConnected) button.click();
    await frame();
    if (!buttons.length) break;
  }
}, [root, rounds]);

const count = (page, words) => page.evaluate((text) => document.body.textContent.split(text).length - 1, words);

test('there are 400 different texts', { skip }, () => {
  assert.equal(new Set(texts).size, 400);
});

test('the list, every row of it', { skip, timeout: 300_000 }, async () => {
  for (const width of [1440, 390]) {
    const { page, trouble, close } = await open('/?columns=time,model,provider,agent,class,project,tools,status,in,out,cost', { width });
    await page.locator('[role=row][aria-selected]').first().waitFor();
    const seen = await page.evaluate(async () => {
      const box = document.querySelector('.box');
      const ids = new Set();
      for (let still = 0; still < 30; ) {
        const before = box.scrollTop;
        for (const row of document.querySelectorAll('[role=row][aria-selected]')) ids.add(row.id);
        box.scrollTop += box.clientHeight - 100;
        await new Promise(requestAnimationFrame);
        await new Promise(requestAnimationFrame);
        await new Promise((done) => setTimeout(done, 20));
        still = box.scrollTop === before ? still + 1 : 0;
      }
      return ids.size;
    });
    assert.equal(seen, 800);
    await stayedQuiet(page, trouble, `the list, ${width}`);
    await close();
  }
});

test('the head and overview of a request with each text', { skip, timeout: 300_000 }, async () => {
  const { requests } = await (await fetch(`${server.url}/api/requests?limit=500&session=shared`)).json();
  assert.equal(requests.length, 400);
  const { page, trouble, close } = await open(`/requests/${requests[0].id}?session=shared`);
  await page.locator('#tab-panel').waitFor();
  const shown = await page.evaluate(async (ids) => {
    const titles = new Set();
    for (const id of ids) {
      const link = Object.assign(document.createElement('a'), { href: `/requests/${id}?session=shared` });
      document.body.append(link);
      link.click();
      link.remove();
      for (let wait = 0; wait < 60 && !document.querySelector('#tab-panel')?.textContent.includes(id); wait++) await new Promise(requestAnimationFrame);
      titles.add(document.querySelector('section.detail h1').textContent);
    }
    return titles.size;
  }, requests.map((row) => row.id));
  assert.ok(shown > 350, `${shown} different titles were shown`);
  await stayedQuiet(page, trouble, 'overviews');
  await close();
});

for (const tab of ['conversation', 'changes', 'system', 'tools', 'headers', 'timeline', 'raw']) {
  test(`the tab ${tab}, with every text`, { skip, timeout: 300_000 }, async () => {
    const { requests } = await (await fetch(`${server.url}/api/requests?limit=500&session=shared&status=2xx`)).json();
    const { page, trouble, close } = await open('/');
    const batch = (row) => texts.indexOf(row.title) % bodies;
    const messages = requests.filter((one) => one.path === '/v1/messages' && one.title);
    for (let n = 0; n < (tab === 'conversation' && !is_long ? 3 : bodies); n++) {
      const row = messages.find((one) => batch(one) === n);
      await go(page, `/requests/${row.id}?tab=${tab}`);
      await page.waitForFunction((id) => location.pathname.endsWith(id) && document.querySelector('#tab-panel') && !document.querySelector('#tab-panel .notice.wait'), row.id);
      if (tab === 'conversation') await press(page, 'Show all');
      await unfold(page, '#tab-panel', tab === 'raw' ? 3 : 2);
      await stayedQuiet(page, trouble, `${tab} of ${row.id}`);
    }
    if (tab !== 'timeline') assert.ok(await count(page, '__xss') > 20, 'the texts are there, as text');
    await close();
  });
}

test('sessions, one of them, its chat, a comparison, statistics, routes, set-up', { skip, timeout: 300_000 }, async () => {
  const { requests } = await (await fetch(`${server.url}/api/requests?limit=40&session=shared&status=2xx`)).json();
  const own = (await (await fetch(`${server.url}/api/requests?limit=9`)).json()).requests.find((row) => row.session_id !== 'shared').session_id;
  const views = [
    ['/sessions', 'tbody tr'], ['/sessions/shared', '[role=treegrid] .agent'], [`/sessions/${encodeURIComponent(own.toWellFormed())}?tab=chat`, 'article, .notice'],
    [`/diff?before=${requests[0].id}&after=${requests[2].id}`, 'article, section'], ['/stats', 'tbody tr'], ['/stats?by=tool', 'tbody tr'], ['/stats?by=project', 'tbody tr'], ['/routing', 'tbody tr'], ['/setup', 'section']
  ];
  const { page, trouble, close } = await open('/');
  for (const [path, sign] of views) {
    await go(page, path);
    await page.waitForFunction((to) => location.pathname + location.search === to, path);
    await page.locator(`main :is(${sign})`).first().waitFor();
    await page.waitForFunction(() => !document.querySelector('main .notice.wait'));
    for (let more = 0; path === '/sessions' && more < 5 && await page.getByText('Show older sessions').count(); more++) {
      const rows = await page.locator('tbody tr').count();
      await press(page, 'Show older sessions');
      await page.waitForFunction((before) => document.querySelectorAll('tbody tr').length > before, rows);
    }
    await unfold(page, 'main');
    await stayedQuiet(page, trouble, path);
  }
  await close();
});

test('what a search finds', { skip, timeout: 300_000 }, async () => {
  const { page, trouble, close } = await open('/search?q=window');
  await page.locator('.hit').first().waitFor();
  for (let more = 0; more < 8 && await page.getByText('Look further back').count(); more++) {
    const hits = await page.locator('.hit').count();
    await press(page, 'Look further back');
    await page.waitForFunction((before) => document.querySelectorAll('.hit').length > before, hits);
  }
  assert.ok(await page.locator('.hit').count() > 300);
  await stayedQuiet(page, trouble, 'search');
  await close();
});

test('addresses made of each text', { skip, timeout: 300_000 }, async () => {
  const { page, trouble, close } = await open('/');
  for (const to of ['/', '/search', '/sessions', '/stats', '/routing', '/diff', '/requests/']) {
    // More on two pages, every tenth on the others.
    const some = texts.filter((_, index) => index % (to === '/' || to === '/search' ? (is_long ? 1 : 4) : 10) === 0);
    for (const text of some) {
      const words = text.toWellFormed();
      const query = new URLSearchParams(Object.fromEntries(['q', 'model', 'session', 'agent', 'tab', 'state', 'class', 'route', 'kind', 'by', 'start', 'columns', 'before', 'after', 'find'].map((name) => [name, words])));
      await go(page, `${to === '/requests/' ? to + encodeURIComponent(words) : to}?${query}`);
    }
    await page.waitForFunction((path) => location.pathname.startsWith(path), to);
    await stayedQuiet(page, trouble, `addresses of ${to}`);
  }
  await close();
});

test('the browser reported no breach of the policy', { skip }, async () => {
  assert.deepEqual(await control(server, 'reports'), []);
  assert.ok((await (await fetch(`${server.url}/`)).headers.get('content-security-policy')).includes("require-trusted-types-for 'script'"));
});
