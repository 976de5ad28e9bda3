// What scripts/screenshots.sh runs. The data are web/dev's: no real conversation gets into a picture.
import { mkdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { openPage, rows, startBrowser, startServer, why_skipped } from '../tests/browser/support.mjs';

if (why_skipped) throw new Error(why_skipped);
const folder = fileURLToPath(new URL('../docs/screenshots', import.meta.url));
const size = { width: 1360, height: 820 };
mkdirSync(folder, { recursive: true });

const server = await startServer();
const browser = await startBrowser();
const { page, close } = await openPage(browser, server, '/', size);
await rows(page).first().waitFor();
await rows(page).nth(2).click();
await page.getByRole('region', { name: 'Request' }).waitFor();
await page.evaluate(() => document.fonts.ready);
await page.screenshot({ path: `${folder}/requests.png` });
await close();
await browser.close();
await server.close();
console.log('docs/screenshots/requests.png');
