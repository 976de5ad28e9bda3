// The worker: everything that takes longer than a frame. One message in, one message out.
import { diffLines } from '../conversation/diff.ts';
import { compareRequests } from '../diff/compare.ts';
import { readRequest, readStream, treeOf } from './bodies.ts';
import { readChat } from './chat.ts';

const jobs = {
  request: readRequest,
  tree: treeOf,
  stream: readStream,
  chat: readChat,
  diff: diffLines,
  compare: compareRequests,
  highlight: async (code: string, language: string) => (await import('../conversation/highlight.ts')).highlightLines(code, language)
};
export type Jobs = typeof jobs;
export type Job = { number: number; name: keyof Jobs; input: unknown[] };

type Scope = { onmessage: (event: MessageEvent<Job>) => void; postMessage: (message: unknown) => void };
const scope = self as unknown as Scope;

scope.onmessage = async ({ data: { number, name, input } }) => {
  try {
    const job = jobs[name] as (...input: unknown[]) => unknown;
    scope.postMessage({ number, output: await job(...input) });
  } catch (error) {
    const { message, status, code } = error as Error & { status?: number; code?: string };
    scope.postMessage({ number, failed: { message, status: status ?? -1, code: code ?? 'internal' } });
  }
};
