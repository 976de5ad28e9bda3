// Who asked, and where the request went, as words. What the proxy does not say stays unsaid.
import type { RequestRow } from '../api/types.ts';
import { shortId, words } from '../format/names.ts';

/** Classes that are Claude Code's own traffic beside the work: they stand where an agent's name would. */
const side = new Set(['title', 'classifier', 'compaction', 'count_tokens', 'probe', 'other']);
export const isAgents = (row: RequestRow) => Boolean(row.agent_id || row.agent_type);
export const classes = ['main', 'agent', 'fork', ...side];

/** For a column: the agent's name, or what the request is for. */
export function whoOf(row: RequestRow): string {
  if (row.agent_type) return row.agent_type;
  if (row.agent_id) return row.class === 'fork' ? 'fork' : shortId(row.agent_id);
  return row.class && side.has(row.class) ? words(row.class) : 'main';
}

const told: Record<string, string> = {
  header: 'by its headers',
  spawn: 'by the call that began it',
  definition: 'by its definition, with which the prompt begins',
  fingerprint: 'by a fingerprint of agent_hashes.json',
  marker: 'by words that Claude Code puts there',
  shape: 'by what it asks for',
  path: 'by the address asked for'
};

/** How something was told, to stand behind it. */
export const toldBy = (source: string | null | undefined) => (source ? (told[source] ?? `by ${words(source)}`) : '');

export type Route = { label: string; target: string; provider: string; stood_in: boolean; is_shadow: boolean };

export function routeOf(row: RequestRow): Route | null {
  if (!row.route) return null;
  const target = row.route_target ?? row.provider ?? '';
  const wanted = target.split(':', 1)[0] || target;
  const is_shadow = row.shadow === true;
  // Who answered may be another than the rule wanted, where that one failed.
  return { label: row.route, target, provider: is_shadow ? wanted : (row.provider ?? wanted), stood_in: !is_shadow && row.provider !== null && row.provider !== wanted, is_shadow };
}

export function routeTitle(route: Route): string {
  if (route.is_shadow) return `Stayed. Rule ${route.label} would have sent it to ${route.target}`;
  return route.stood_in ? `Rule ${route.label} wanted ${route.target}; ${route.provider} stood in` : `Rule ${route.label} sent it to ${route.target}`;
}
