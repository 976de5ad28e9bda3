// Code as coloured runs, by lowlight (highlight.js as a tree). Loaded only when code is shown, in a worker.
import { common, createLowlight } from 'lowlight';

/** One run of text; `kind` is highlight.js's name for it without the prefix (keyword, string…), '' for plain. */
export type Run = { text: string; kind: string };

type Node = { type: string; value?: string; children?: Node[]; properties?: { className?: unknown } };

const lowlight = createLowlight(common);
const names: Record<string, string> = {
  svelte: 'xml', vue: 'xml', html: 'xml', svg: 'xml', tsx: 'typescript', jsx: 'javascript', mjs: 'javascript', cjs: 'javascript',
  mts: 'typescript', cts: 'typescript', h: 'c', hpp: 'cpp', cc: 'cpp', zsh: 'bash', fish: 'bash', console: 'shell', jsonl: 'json', json5: 'json',
  toml: 'ini', conf: 'ini', env: 'ini', ipynb: 'json', mdx: 'markdown', pyi: 'python', gradle: 'kotlin', m: 'objectivec', patch: 'diff', tf: 'ini'
};

export function languageOf(name: string): string | null {
  const key = name.toLowerCase();
  const known = names[key] ?? key;
  return lowlight.registered(known) ? known : null;
}

/** The runs of each line; null where the language is not known. */
export function highlightLines(code: string, name: string): Run[][] | null {
  const language = languageOf(name);
  if (!language) return null;
  const lines: Run[][] = [[]];
  const walk = (node: Node, kind: string) => {
    if (node.type === 'text') {
      (node.value ?? '').split('\n').forEach((text, index) => {
        if (index > 0) lines.push([]);
        if (text) lines.at(-1)!.push({ text, kind });
      });
      return;
    }
    const names = node.properties?.className;
    const own = Array.isArray(names) ? String(names[0]).replace(/^hljs-/, '') : kind;
    for (const child of node.children ?? []) walk(child, own);
  };
  walk(lowlight.highlight(language, code) as unknown as Node, '');
  return lines;
}
