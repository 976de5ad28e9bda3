// Finishes web/build for a policy of script-src 'self': moves SvelteKit's inline start script into a file
// named by its own content, proves that nothing inline is left, adds the fonts' licences, and makes the
// compressed copies that the proxy sends as they are.
import { createHash } from 'node:crypto';
import { copyFileSync, mkdirSync, readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { brotliCompressSync, constants, gzipSync } from 'node:zlib';

const root = fileURLToPath(new URL('..', import.meta.url));
const build = join(root, 'build');
const compressible = /\.(html|js|mjs|css|json|svg|txt)$/;
const smallest_worth_compressing_bytes = 512;

function moveInlineScripts(html) {
  return html.replace(/<script([^>]*)>([\s\S]*?)<\/script>/g, (whole, attributes, code) => {
    if (/\ssrc=/.test(attributes)) return whole;
    const hash = createHash('sha256').update(code).digest('hex').slice(0, 12);
    const name = `_app/immutable/start.${hash}.js`;
    writeFileSync(join(build, name), code.trim() + '\n');
    return `<script${attributes} src="/${name}"></script>`;
  });
}

function refuseInline(html) {
  if (/<script(?![^>]*\ssrc=)[^>]*>/.test(html)) throw new Error('an inline script is left in index.html');
  if (/<style|\sstyle=|\son\w+=/.test(html)) throw new Error('an inline style or handler is left in index.html');
}

/** A template with a style attribute would be refused by the policy when it is cloned. */
function refuseInlineInTemplates() {
  for (const path of files(join(build, '_app'))) {
    if (!path.endsWith('.js')) continue;
    const found = /<[a-z][^<>`]*\sstyle=["'][^"']*["']/.exec(readFileSync(path, 'utf8'));
    if (found) throw new Error(`an inline style is left in ${path}: ${found[0].slice(0, 120)}`);
  }
}

function addLicences() {
  mkdirSync(join(build, 'licences'), { recursive: true });
  for (const font of ['inter', 'jetbrains-mono']) {
    copyFileSync(join(root, `node_modules/@fontsource-variable/${font}/LICENSE`), join(build, `licences/${font}.txt`));
  }
}

function* files(folder) {
  for (const name of readdirSync(folder).sort()) {
    const path = join(folder, name);
    if (statSync(path).isDirectory()) yield* files(path);
    else yield path;
  }
}

function compress() {
  for (const path of [...files(build)].filter((path) => compressible.test(path))) {
    const bytes = readFileSync(path);
    if (bytes.length < smallest_worth_compressing_bytes) continue;
    const params = { [constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length };
    writeFileSync(`${path}.br`, brotliCompressSync(bytes, { params }));
    writeFileSync(`${path}.gz`, gzipSync(bytes, { level: 9 }));
  }
}

const index = join(build, 'index.html');
const html = moveInlineScripts(readFileSync(index, 'utf8'));
refuseInline(html);
writeFileSync(index, html);
refuseInlineInTemplates();
addLicences();
compress();
