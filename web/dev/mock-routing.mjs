// GET /api/providers, /api/routing and /api/requests/{id}/route of the mock: a configuration in which some agents
// go elsewhere, and what the rows then say of themselves.
const ago = (ms) => new Date(Date.now() - ms).toISOString();
const minute_ms = 60_000;

/** [label, source, conditions, provider, model] */
const table = [
  ['routing.rules[0]', 'config.yaml:31', { class: 'title' }, 'local', 'qwen3:8b'],
  ['routing.rules[1]', 'config.yaml:35', { agent: 'plan*', min_tokens: 60_000 }, 'gemini', 'gemini-2.5-pro'],
  ['subagents.mappings.code-reviewer', 'environment SUBAGENT_MAPPINGS', { agent: 'code-reviewer' }, 'openrouter', 'deepseek/deepseek-v4'],
  ['routing.models[0]', 'config.yaml:44', { model: '*haiku*', client: 'claude-cli/*', header: 'x-team: data*' }, 'openai', 'gpt-5-mini'],
  ['fallback.model', 'config.yaml:49', {}, 'anthropic', null]
];

const provider = (name, format, base_url, more = {}) => ({
  name, format, base_url, has_key: true, preset: name, fallback_provider: null,
  breaker: { enabled: false, state: 'closed', failures: 0, max_failures: 5, opens_until: null }, requests: 0, failures: 0, last_error: null, ...more
});

export function providersOf(rows, texts) {
  const breaker = (state, failures, opens_until = null) => ({ enabled: true, state, failures, max_failures: 5, opens_until });
  const of = (name) => rows.filter((row) => row.provider === name);
  const counts = (name) => ({ requests: of(name).length, failures: of(name).filter((row) => row.status >= 500).length });
  const all = [
    provider('anthropic', 'anthropic', 'https://api.anthropic.com', { has_key: false, preset: null, ...counts('anthropic'), last_error: { at: ago(42 * minute_ms), message: '529: Overloaded' } }),
    provider('openrouter', 'openai', 'https://openrouter.ai/api/v1', { fallback_provider: 'openai', ...counts('openrouter'), breaker: breaker('half_open', 5), last_error: { at: ago(70_000), message: '502: the provider’s gateway did not answer' } }),
    provider('openai', 'openai-responses', 'https://api.openai.com/v1', { fallback_provider: 'anthropic', requests: 31, breaker: breaker('closed', 1) }),
    provider('gemini', 'gemini', 'https://generativelanguage.googleapis.com', { fallback_provider: 'openrouter', requests: 12, failures: 6, breaker: breaker('open', 5, new Date(Date.now() + 22_000).toISOString()), last_error: { at: ago(8000), message: 'connect: connection refused (142.250.74.10:443)' } }),
    provider('local', 'openai', 'http://127.0.0.1:11434/v1', { has_key: false, preset: 'ollama' })
  ];
  return { providers: all.concat((texts ?? []).map((text) => ({ ...provider(text, text, text), fallback_provider: text, last_error: { at: ago(1), message: text } }))) };
}

export function routingOf(rows, { mode = 'on', error = null, texts = null, empty = false } = {}) {
  const rules = table.map(([label, source, conditions, name, model], index) => {
    const hits = rows.filter((row) => row.route === label);
    return { label, source, conditions, target: { provider: name, model }, hits: hits.length + [212, 12, 0, 0, 0][index], last_hit_at: hits[0]?.started_at ?? (index < 2 ? ago(3 * minute_ms) : null) };
  });
  const agents = [
    { name: 'code-reviewer', scope: 'project', file: '/home/ada/code/ledger/.claude/agents/code-reviewer.md', model: 'haiku' },
    { name: 'code-reviewer', scope: 'user', file: '/home/ada/.claude/agents/code-reviewer.md', model: null },
    { name: 'planner', scope: 'user', file: '/home/ada/.claude/agents/planner.md', model: 'opus' },
    { name: 'release-notes', scope: 'plugin', file: '/home/ada/.claude/plugins/release/agents/release-notes.md', model: 'inherit' }
  ];
  for (const text of texts ?? []) {
    rules.push({ label: text, source: text, conditions: { [text]: text, agent: text }, target: { provider: text, model: text }, hits: 1, last_hit_at: ago(1) });
    agents.push({ name: text, scope: text, file: text, model: text });
  }
  return { mode, rules: empty ? [] : rules, agents: empty ? [] : agents, loaded_at: ago(25 * minute_ms), reload_error: texts?.[0] ?? error };
}

/** What a row says of who asked and where it went. */
export function routeRow(row, n, bad) {
  const is_count = row.path.endsWith('count_tokens');
  const side = !row.agent_id && !is_count && n % 31 === 11 ? 'title' : !row.agent_id && !is_count && n % 47 === 5 ? 'classifier' : null;
  row.class = bad ?? (is_count ? 'count_tokens' : row.agent_id ? 'agent' : (side ?? 'main'));
  row.class_by = bad ?? (row.agent_id ? 'header' : 'marker');
  row.agent_by = bad ?? (row.agent_id ? 'spawn' : null);
  row.route = bad ?? null;
  row.route_target = bad ?? null;
  row.shadow = false;
  row.tried = bad ? [{ provider: bad, model: bad, cause: bad, at_ms: 31 }] : null;
  row.shadow_cost_usd_micro = null;
  const [label, , , name, model] = bad ? [] : side === 'title' ? table[0] : row.agent_id && n % 2 ? table[2] : [];
  if (!label) return row;
  const target = `${name}:${model}`;
  Object.assign(row, { route: label, route_target: target });
  if (n % 5 === 0) return Object.assign(row, { shadow: true, shadow_cost_usd_micro: n % 2 ? 1830 : null });
  Object.assign(row, { provider: name, response_model: row.response_model && model });
  if (!row.flags.includes('translated')) row.flags.push('translated');
  row.losses ??= [];
  if (n % 3 === 0) row.tried = [{ provider: 'local', model: null, cause: 'connect: Connection refused', at_ms: 0.8 }];
  return row;
}

export function explanationOf(row, bad) {
  const at = table.findIndex(([label]) => label === row.route);
  const rules = table.slice(0, at < 0 ? 4 : at + 1).map(([label, source, conditions], index) => ({ label, source, fits: index === at, why: index === at ? '' : Object.entries(conditions).map(([name, value]) => `${name}: ${value} is wanted, this is another`)[0] }));
  const text = row.route ? `goes to ${row.route_target}, by ${row.route}` : 'goes to Anthropic untouched: no rule fits';
  return { mode: 'on', who: { class: row.class, class_by: row.class_by, agent: row.agent_type, agent_by: row.agent_by, is_nested: false, is_background: false }, model: row.model, tokens: Math.round(row.request_bytes / 4),
    rules: bad ? [{ label: bad, source: bad, fits: false, why: bad }] : rules, decision: { rule: row.route, target: row.route_target ?? 'anthropic', is_followed: true, text: bad ?? text }, recorded: null };
}
