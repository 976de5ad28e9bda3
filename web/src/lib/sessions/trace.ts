// A session's requests as a trace: agents under agents, each with its turns, on one axis of time from which long
// idle stretches are cut. Pure.
import type { RequestRow } from '../api/types.ts';
import { formatRound } from '../format/duration.ts';
import { formatCostSum } from '../format/money.ts';
import { formatClock } from '../format/time.ts';

export type Sums = { requests: number; errors: number; input: number; written: number; cached: number; output: number; cost_micro: number; cost_known: number; cost_unknown: number; calls: number; busy_ms: number };
export type AgentNode = { id: string | null; type: string | null; depth: number; title: string | null; turns: RequestRow[]; own: Sums; all: Sums; from_ms: number; to_ms: number; children: number };
export type AgentNames = ReadonlyMap<string | null, { type: string | null; description: string | null; is_fork: boolean }>;
/** A stretch of the axis: time on one side, share of the width (0 to 1) on the other. */
export type Stretch = { from_ms: number; to_ms: number; left: number; width: number; idle: boolean };
export type Trace = { agents: AgentNode[]; axis: Stretch[]; from_ms: number; to_ms: number; sums: Sums };

const idle_ms = 20_000; // nothing under way for so long is cut to a notch
const notch = 0.012;

const noSums = (): Sums => ({ requests: 0, errors: 0, input: 0, written: 0, cached: 0, output: 0, cost_micro: 0, cost_known: 0, cost_unknown: 0, calls: 0, busy_ms: 0 });
export const startOf = (row: RequestRow) => Date.parse(row.started_at);
export const endOf = (row: RequestRow, now_ms: number) => (row.state === 'running' ? now_ms : startOf(row) + (row.duration_ms ?? 0));

function addRow(sums: Sums, row: RequestRow, now_ms: number) {
  sums.requests++;
  if (row.state !== 'complete' && row.state !== 'running') sums.errors++;
  sums.input += row.usage?.input_tokens ?? 0;
  sums.written += row.usage?.cache_creation_input_tokens ?? 0;
  sums.cached += row.usage?.cache_read_input_tokens ?? 0;
  sums.output += row.usage?.output_tokens ?? 0;
  sums.cost_micro += row.cost_usd_micro ?? 0;
  if (typeof row.cost_usd_micro === 'number') sums.cost_known++;
  if (row.flags?.includes('cost_unknown')) sums.cost_unknown++;
  sums.calls += (row.tools ?? []).reduce((sum, tool) => sum + tool.count, 0) || row.tool_use_count || 0;
  sums.busy_ms += endOf(row, now_ms) - startOf(row);
}

function addSums(sums: Sums, more: Sums) {
  for (const name of Object.keys(sums) as (keyof Sums)[]) sums[name] += more[name];
}

export function traceOf(rows: RequestRow[], now_ms: number, names: AgentNames = new Map()): Trace {
  const ordered = rows.toSorted((a, b) => (a.started_at === b.started_at ? (a.id < b.id ? -1 : 1) : a.started_at < b.started_at ? -1 : 1));
  const agents = agentsOf(ordered, now_ms);
  for (const agent of agents) {
    const name = names.get(agent.id);
    agent.type ??= name?.type ?? null;
    if (name?.description) agent.title = name.description + (name.is_fork ? ', forked' : '');
  }
  const sums = noSums();
  for (const agent of agents) addSums(sums, agent.own);
  const from_ms = ordered[0] ? startOf(ordered[0]) : now_ms;
  const to_ms = Math.max(from_ms + 1, ...agents.map((agent) => agent.to_ms));
  return { agents, axis: axisOf(ordered, now_ms, to_ms), from_ms, to_ms, sums };
}

function agentsOf(ordered: RequestRow[], now_ms: number): AgentNode[] {
  const nodes = new Map<string | null, AgentNode>();
  const parents = new Map<string | null, string | null>();
  for (const row of ordered) {
    let node = nodes.get(row.agent_id);
    if (!node) {
      node = { id: row.agent_id, type: row.agent_type ?? null, depth: 0, title: row.title, turns: [], own: noSums(), all: noSums(), from_ms: startOf(row), to_ms: 0, children: 0 };
      nodes.set(row.agent_id, node);
      parents.set(row.agent_id, row.parent_agent_id);
    }
    node.type ??= row.agent_type ?? null;
    node.title ??= row.title;
    node.turns.push(row);
    node.to_ms = Math.max(node.to_ms, endOf(row, now_ms));
    addRow(node.own, row, now_ms);
  }
  return depthFirst(nodes, parents);
}

/** Main first, each agent under the one that started it; an agent whose parent is unknown stands under main. */
function depthFirst(nodes: Map<string | null, AgentNode>, parents: Map<string | null, string | null>): AgentNode[] {
  const under = new Map<string | null, AgentNode[]>();
  const roots: AgentNode[] = [];
  for (const node of nodes.values()) {
    const parent = parents.get(node.id) ?? null;
    const real = parent !== node.id && nodes.has(parent) ? parent : null;
    if (node.id === null || (real === null && !nodes.has(null))) roots.push(node);
    else under.set(real, [...(under.get(real) ?? []), node]);
  }
  const out: AgentNode[] = [];
  const seen = new Set<AgentNode>();
  const walk = (node: AgentNode, depth: number) => {
    if (seen.has(node)) return;
    seen.add(node);
    node.depth = depth;
    out.push(node);
    addSums(node.all, node.own);
    for (const child of under.get(node.id) ?? []) {
      if (seen.has(child)) continue;
      node.children++;
      walk(child, depth + 1);
      addSums(node.all, child.all);
    }
  };
  for (const root of roots) walk(root, 0);
  // Two agents that name each other as parents hang nowhere: they are shown all the same.
  for (const node of nodes.values()) walk(node, 1);
  return out;
}

/** Busy stretches share the width by their length; idle ones get a notch. */
export function axisOf(ordered: RequestRow[], now_ms: number, to_ms: number): Stretch[] {
  const busy: [number, number][] = [];
  for (const row of ordered) {
    const from = startOf(row);
    const to = Math.max(from + 1, endOf(row, now_ms));
    const last = busy.at(-1);
    if (last && from - last[1] < idle_ms) last[1] = Math.max(last[1], to);
    else busy.push([from, to]);
  }
  const all_ms = Math.max(1, busy.reduce((sum, [from, to]) => sum + to - from, 0));
  const free = Math.max(0.3, 1 - notch * Math.max(0, busy.length - 1));
  const gap = busy.length > 1 ? (1 - free) / (busy.length - 1) : 0;
  const axis: Stretch[] = [];
  let left = 0;
  busy.forEach(([from, to], index) => {
    if (index > 0) {
      axis.push({ from_ms: busy[index - 1]![1], to_ms: from, left, width: gap, idle: true });
      left += gap;
    }
    const width = ((to - from) / all_ms) * free;
    axis.push({ from_ms: from, to_ms: index === busy.length - 1 ? Math.max(to, to_ms) : to, left, width, idle: false });
    left += width;
  });
  return axis;
}

/** Where a moment stands on the axis, 0 to 1. */
export function placeOf(axis: Stretch[], ms: number): number {
  let low = 0;
  let high = axis.length - 1;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (ms > axis[middle]!.to_ms) low = middle + 1;
    else high = middle;
  }
  const stretch = axis[low];
  if (!stretch) return 0;
  const share = (ms - stretch.from_ms) / Math.max(1, stretch.to_ms - stretch.from_ms);
  return stretch.left + Math.max(0, Math.min(1, share)) * stretch.width;
}

/** A moment on the axis with its name: where a busy stretch begins, and round steps within long ones. */
export type Mark = { ms: number; left: number; text: string };
const steps_s = [0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14_400, 43_200, 86_400];
const least_gap = 0.1; // of the axis, so that names do not touch
const last_mark = 0.93;

export function marksOf(axis: Stretch[]): Mark[] {
  const marks: Mark[] = [];
  const add = (ms: number, left: number, text: string) => left < last_mark && left - (marks.at(-1)?.left ?? -1) >= least_gap && marks.push({ ms, left, text });
  for (const stretch of axis) {
    if (stretch.idle) continue;
    add(stretch.from_ms, stretch.left, formatClock(new Date(stretch.from_ms).toISOString()));
    const all_s = (stretch.to_ms - stretch.from_ms) / 1000;
    const step_s = steps_s.find((step) => (step / Math.max(all_s, 0.001)) * stretch.width >= least_gap);
    for (let n = 1; step_s && n * step_s < all_s; n++) add(stretch.from_ms + n * step_s * 1000, stretch.left + ((n * step_s) / all_s) * stretch.width, `+${formatRound(n * step_s * 1000)}`);
  }
  return marks;
}

/** The cost of a sum as text; a dash where nothing of it is known. */
export const costOf = (sums: Sums) => formatCostSum(sums.cost_known ? sums.cost_micro : null, sums.cost_unknown);
