// Gives jobs to the worker and waits for what comes back. The worker starts with the first job.
import { ApiError } from '../api/errors.ts';
import type { Job, Jobs } from './worker.ts';
import url from './worker.ts?worker&url';

type Waiting = { resolve: (output: unknown) => void; reject: (error: unknown) => void };
type Reply = { number: number; output?: unknown; failed?: { message: string; status: number; code: string } };
type Policy = { createScriptURL: (url: string) => string };
type Factory = { createPolicy: (name: string, rules: { createScriptURL: (url: string) => string }) => Policy };

const waiting = new Map<number, Waiting>();
let worker: Worker | null = null;
let count = 0;

/** The one address that may become a worker: our own file. The policy's name is in the proxy's headers. */
function trusted(address: string): string {
  const factory = (globalThis as { trustedTypes?: Factory }).trustedTypes;
  return factory ? factory.createPolicy('dashboard-worker', { createScriptURL: (text) => text }).createScriptURL(address) : address;
}

function start(): Worker {
  const made = new Worker(trusted(url), { type: 'module' });
  made.onmessage = ({ data }: MessageEvent<Reply>) => {
    const one = waiting.get(data.number);
    waiting.delete(data.number);
    if (data.failed) one?.reject(new ApiError(data.failed.status, data.failed.code, data.failed.message));
    else one?.resolve(data.output);
  };
  made.onerror = () => {
    for (const one of waiting.values()) one.reject(new ApiError(-1, 'internal', 'The page’s worker failed.'));
    waiting.clear();
    worker = null;
  };
  return made;
}

export function work<Name extends keyof Jobs>(name: Name, ...input: Parameters<Jobs[Name]>): Promise<Awaited<ReturnType<Jobs[Name]>>> {
  const number = ++count;
  return new Promise((resolve, reject) => {
    waiting.set(number, { resolve: resolve as (output: unknown) => void, reject });
    try {
      // The policy can be made once only, so a worker that died is not started again by the same page.
      worker ??= start();
      worker.postMessage({ number, name, input } satisfies Job);
    } catch (error) {
      waiting.delete(number);
      reject(error);
    }
  });
}
