// What stands in the list's plain cells: those that are one text.
import type { RequestRow } from '../api/types.ts';
import { formatBytes } from '../format/bytes.ts';
import { formatDuration } from '../format/duration.ts';
import { formatCost } from '../format/money.ts';
import { shortModel, shortPath, words } from '../format/names.ts';
import { formatMoment, formatWhen } from '../format/time.ts';
import { formatTokens } from '../format/tokens.ts';
import type { ColumnName } from './columns.ts';
import { stateInfo } from './states.ts';
import { tokensPerSecond } from './timing.ts';
import { isAgents, routeOf, routeTitle, whoOf } from './who.ts';

/** `tone`: classes beside the column's own. */
export type Cell = { text: string; tone?: string };

/** The model that answered, where it is another than the one asked for. */
export const otherModel = (row: RequestRow) =>
  row.response_model && row.model && shortModel(row.response_model) !== shortModel(row.model) ? row.response_model : null;

const short_tool = (name: string) => name.replace(/^mcp__.*__/, '');
function calls(row: RequestRow): Cell {
  if (!row.tools?.length) return { text: '' };
  return { text: row.tools.map((tool) => (tool.count > 1 ? `${short_tool(tool.name)} ×${tool.count}` : short_tool(tool.name))).join(', ') };
}

/** While a request runs, what has come is shown as it is so far. */
function out(row: RequestRow): Cell {
  if (row.state !== 'running') return { text: formatTokens(row.usage?.output_tokens) };
  const has_no_tokens = !row.usage?.output_tokens && row.response_bytes;
  return { text: has_no_tokens ? formatBytes(row.response_bytes) : formatTokens(row.usage?.output_tokens), tone: 'running' };
}

function cost(row: RequestRow): Cell {
  if (row.flags?.includes('cost_unknown')) return { text: '?', tone: 'faint' };
  return { text: formatCost(row.cost_usd_micro), tone: row.cost_usd_micro === null || row.cost_usd_micro === undefined ? 'faint' : '' };
}

function speed(row: RequestRow): Cell {
  const tokens = tokensPerSecond(row.usage?.output_tokens, row.first_token_ms, row.duration_ms);
  return { text: tokens === null ? '–' : tokens.toFixed(0) };
}

export const cells: Partial<Record<ColumnName, (row: RequestRow) => Cell>> = {
  time: (row) => ({ text: formatWhen(row.started_at) }),
  agent: (row) => ({ text: whoOf(row), tone: isAgents(row) ? 'soft' : 'faint' }),
  class: (row) => ({ text: row.class ? words(row.class) : '–' }),
  project: (row) => ({ text: shortPath(row.project) }),
  msgs: (row) => ({ text: formatTokens(row.message_count) }),
  tools: calls,
  status: (row) => ({ text: row.status ? String(row.status) : '–', tone: row.status === 200 ? 'faint' : (row.status ?? 0) >= 400 ? 'bad' : '' }),
  in: (row) => ({ text: formatTokens(row.usage?.input_tokens) }),
  cached: (row) => ({ text: formatTokens(row.usage?.cache_read_input_tokens) }),
  written: (row) => ({ text: formatTokens(row.usage?.cache_creation_input_tokens) }),
  out,
  cost,
  speed,
  size: (row) => ({ text: formatBytes(row.request_bytes) }),
  first: (row) => ({ text: formatDuration(row.first_token_ms ?? row.ttfb_ms) })
};

/** The classes of a column's cells. */
export const looks: Partial<Record<ColumnName, string>> = {
  time: 'time num', model: 'model cut soft', provider: 'provider cut faint', agent: 'agent cut', class: 'class cut faint', project: 'project cut soft',
  msgs: 'msgs num faint', tools: 'tools cut', status: 'status num', in: 'in num soft', cached: 'cached num soft', written: 'written num soft',
  out: 'out num', cost: 'cost num', speed: 'speed num soft', size: 'size num soft', first: 'first num soft', took: 'took num'
};

/** What a cell says when it is pointed at, where that is more than it shows. */
export function hintOf(row: RequestRow, name: ColumnName): string | null {
  const other = otherModel(row);
  const route = routeOf(row);
  const hints: Partial<Record<ColumnName, string | null>> = {
    time: formatMoment(row.started_at),
    state: stateInfo(row.state).meaning,
    title: row.title,
    model: other ? `${row.model} → ${other}` : row.model,
    provider: route ? routeTitle(route) : row.provider,
    agent: row.agent_id,
    project: row.project,
    tools: calls(row).text,
    out: row.state === 'running' ? 'so far' : null,
    cost: row.flags?.includes('cost_unknown') ? 'The price of what was used is not known' : row.flags?.includes('cost_estimated') ? 'Estimated: a part was not told' : null
  };
  return hints[name] ?? null;
}
