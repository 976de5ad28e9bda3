// How each ending reads and which tone it has. The list of endings is closed (docs/api.md).
import type { State } from '../api/types.ts';

export type Tone = 'run' | 'good' | 'warn' | 'wrong';

const table: Record<State, { tone: Tone; label: string; meaning: string }> = {
  running: { tone: 'run', label: 'running', meaning: 'The answer is still on its way.' },
  complete: { tone: 'good', label: 'complete', meaning: 'Every byte arrived and was passed on.' },
  client_disconnected: { tone: 'warn', label: 'client left', meaning: 'The client closed its connection before the answer had ended.' },
  upstream_truncated: { tone: 'wrong', label: 'truncated', meaning: 'The provider ended the answer before its own end mark.' },
  upstream_reset: { tone: 'wrong', label: 'reset', meaning: 'The provider’s connection broke.' },
  upstream_timeout: { tone: 'wrong', label: 'timed out', meaning: 'The provider did not answer in time.' },
  upstream_error: { tone: 'wrong', label: 'error', meaning: 'The provider answered with an error.' },
  rejected: { tone: 'wrong', label: 'rejected', meaning: 'The proxy refused the request; it was never sent.' },
  proxy_shutdown: { tone: 'warn', label: 'proxy stopped', meaning: 'The proxy was stopped while the answer was on its way.' },
  proxy_crash: { tone: 'wrong', label: 'proxy died', meaning: 'The proxy ended unexpectedly; the record was recovered from its journal.' }
};

export const stateInfo = (state: string) =>
  table[state as State] ?? { tone: 'warn' as Tone, label: state, meaning: '' };

export const isFailure = (state: string) => stateInfo(state).tone === 'wrong';
