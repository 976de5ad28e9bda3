// The shapes of docs/api.md, and nothing else. What the proxy does not know is null, never 0.

export type State =
  | 'running'
  | 'complete'
  | 'client_disconnected'
  | 'upstream_truncated'
  | 'upstream_reset'
  | 'upstream_timeout'
  | 'upstream_error'
  | 'rejected'
  | 'proxy_shutdown'
  | 'proxy_crash';

export const states: State[] = [
  'running',
  'complete',
  'client_disconnected',
  'upstream_truncated',
  'upstream_reset',
  'upstream_timeout',
  'upstream_error',
  'rejected',
  'proxy_shutdown',
  'proxy_crash'
];

export type Usage = {
  input_tokens: number | null;
  output_tokens: number | null;
  cache_read_input_tokens: number | null;
  cache_creation_input_tokens: number | null;
  cache_creation_5m_tokens?: number | null;
  cache_creation_1h_tokens?: number | null;
  web_search_requests?: number | null;
};

export type Fault = { type: string; message: string };

export type RequestRow = {
  id: string;
  started_at: string;
  state: State;
  status: number | null;
  stream: boolean | null;
  method: string;
  path: string;
  query: string | null;
  provider: string | null;
  model: string | null;
  response_model: string | null;
  session_id: string | null;
  agent_id: string | null;
  parent_agent_id: string | null;
  client: string | null;
  client_addr: string | null;
  upstream_request_id: string | null;
  stop_reason: string | null;
  error: Fault | null;
  title: string | null;
  connect_ms: number | null;
  ttfb_ms: number | null;
  first_token_ms: number | null;
  duration_ms: number | null;
  usage: Usage | null;
  request_bytes: number | null;
  response_bytes: number | null;
  client_bytes: number | null;
  chunk_count: number | null;
  message_count: number | null;
  tool_count: number | null;
  tool_use_count: number | null;
  max_tokens: number | null;
  cost_usd_micro?: number | null;
  project?: string | null;
  agent_type?: string | null;
  agent_name?: string | null;
  agent_by?: string | null;
  class?: string | null;
  class_by?: string | null;
  route?: string | null;
  route_target?: string | null;
  shadow?: boolean;
  shadow_cost_usd_micro?: number | null;
  tools?: ToolCount[];
  tool_errors?: ToolCount[];
  losses?: TranslationLoss[] | null;
  /** Who was asked before, and did not answer. */
  tried?: { provider: string; model: string | null; cause: string; at_ms: number | null }[] | null;
  flags: string[];
};

/** What a translation to another provider's language could not carry over; `what`: dropped, renamed, approximated. */
export type TranslationLoss = { what: string; path: string; detail?: string; why: string; count: number };

export type ToolCount = { name: string; count: number };

export type Header = [name: string, value: string];

export type RequestDetail = RequestRow & {
  request_headers: Header[];
  response_headers: Header[];
  request_line: string | null;
  status_line: string | null;
  upstream_addr: string | null;
  sent_ms: number | null;
  request_hash: string | null;
  response_hash: string | null;
};

export type RequestPage = { requests: RequestRow[]; total: number; total_is_minimum?: boolean; next_cursor: string | null };

export type AnswerMessage = {
  id?: string;
  role?: string;
  model?: string;
  content?: unknown;
  stop_reason?: string | null;
  stop_sequence?: string | null;
  usage?: Usage | null;
};

export type Answer = {
  message: AnswerMessage | null;
  complete: boolean;
  error: Fault | null;
  events: Record<string, number> | null;
};

export type Timeline = {
  ttfb_us: number | null;
  first_token_us: number | null;
  duration_us: number | null;
  chunks: [offset_us: number, bytes: number][];
};

export type Session = {
  session_id: string;
  first_at: string;
  last_at: string;
  request_count: number;
  error_count: number;
  agent_count: number;
  title: string | null;
  model: string | null;
  client: string | null;
  usage: Usage | null;
  cost_usd_micro?: number | null;
  unknown_cost_count?: number;
};

export type AgentSums = { first_at: string; last_at: string; request_count: number; error_count: number; tool_use_count: number; busy_ms: number; usage: Usage | null };
export type SessionAgent = AgentSums & {
  agent_id: string | null;
  parent: number | null;
  depth: number;
  agent_type: string | null;
  description: string | null;
  is_fork: boolean;
  models: string[];
  total: AgentSums;
};
/** A file that the client itself wrote; see docs/api.md. */
export type Transcript = {
  id: string;
  session_id: string | null;
  agent_id: string | null;
  agent_type: string | null;
  description: string | null;
  project: string;
  path: string;
  cwd: string | null;
  branch: string | null;
  title: string | null;
  first_at: string | null;
  last_at: string | null;
  line_count: number;
  bad_line_count: number;
  long_line_count: number;
};
export type TranscriptLine = {
  position: number;
  kind: string;
  is_sidechain: boolean;
  is_meta: boolean;
  is_error: boolean;
  is_compacted: boolean;
  at: string | null;
  branch: string | null;
  upstream_request_id: string | null;
  request_id: string | null;
  line: Record<string, unknown> | null;
};
export type TranscriptPage = { transcript: Transcript; missing: string | null; lines: TranscriptLine[]; next_from: number | null };

export type SessionTree = { session: Session; is_cut: boolean; agents: SessionAgent[]; unrecorded_count?: number | null };

/** One page of a conversation; its messages are read by the worker. */
export type Branch = { leaf: string; is_shown: boolean; forks_from: string | null; request_count: number; message_count: number; last_at: string; title: string | null };
export type ConversationPart = { from: number; message_count: number; request_id: string; has_answer: boolean; missing: string | null };
export type ConversationPage = {
  leaf: string;
  branches: Branch[];
  branch_count: number;
  forked_from: { request_id: string; conversation_id: string; agent_id: string | null; shared_count: number } | null;
  total: number;
  from: number;
  parts: ConversationPart[];
  messages: { index: number; request_id: string; is_answer: boolean; message: unknown }[];
  requests: (RequestRow & { attempts?: string[] })[];
};

export type Spread = { count: number; avg: number | null; p50: number | null; p95: number | null; p99: number | null };

/** What requests used, cost and took. */
export type UsageLine = {
  request_count: number;
  usage: Usage | null;
  cost_usd_micro: number | null;
  unknown_cost_count: number;
  duration_ms: Spread;
  first_token_ms: Spread;
  cache_hit_rate: number | null;
};

export type StatsLine = UsageLine & {
  key: string | null;
  error_count: number;
  estimated_cost_count: number;
  request_bytes: number | null;
  response_bytes: number | null;
  tool_call_count: number | null;
  tool_error_count: number | null;
  ttfb_ms: { count: number; avg: number | null };
  tokens_per_second: number | null;
};

/** Of requests whose answer calls the tool; `error_count` is of results. */
export type ToolLine = UsageLine & { key: string; call_count: number; error_count: number };

export type Loss = {
  reason: string;
  effect: 'lost' | 'damaged' | 'late' | 'refused';
  unit: string;
  text: string;
  since_start: number;
  all_time: number;
  last_at: string | null;
};

export type Recorder = {
  exchanges: number;
  running: number;
  lag_bytes: number;
};

export type Storage = {
  requests: number;
  sessions: number;
  pieces: number;
  blocks: number;
  raw_bytes: number;
  stored_bytes: number;
  file_bytes: number;
};

export type Stats = {
  total: StatsLine;
  models: StatsLine[];
  providers: StatsLine[];
  states: StatsLine[];
  agents: StatsLine[];
  projects: StatsLine[];
  tools: ToolLine[];
  storage: Storage | null;
  recorder: Recorder | null;
  losses: Loss[];
  /** null where search is switched off; missing in what does not know it. */
  search?: SearchState | null;
};

export type Bucket = [from_ms: number, to_ms: number, count: number];
export type Performance = { total: StatsLine; models: StatsLine[]; duration_histogram: Bucket[]; first_token_histogram: Bucket[] };

export type ConnectVariable = { name: string; value: string; restores: string };
export type ConfigKey = { name: string; value: string | null; source: string; default: string; what: string };
/** The user's own Claude token, for requests that carry no credentials. */
export type OwnLogin = { enabled: boolean; state: 'off' | 'ready' | 'renewing' | 'none'; expires_at: string | null; note: string | null };
export type Setup = {
  version: string;
  public_url: string | null;
  variables: ConnectVariable[];
  config_file: string | null;
  config: ConfigKey[];
  loaded_at: string | null;
  reload_error: string | null;
  oauth: OwnLogin;
};

export const textKinds = ['user', 'assistant', 'thinking', 'tool_input', 'tool_result', 'system', 'tool'] as const;
export type TextKind = (typeof textKinds)[number];

export type Hit = {
  request_id: string;
  session_id: string | null;
  agent_id: string | null;
  started_at: string;
  model: string | null;
  title: string | null;
  kind: TextKind;
  tool: string | null;
  snippet: string;
  highlights: [start: number, length: number][];
};
export type SearchPage = { results: Hit[]; next_cursor: string | null; complete: boolean };
export type SearchState = { indexed: number; waiting: number; texts: number; text_bytes: number; file_bytes: number };

export type StorageState = Storage & {
  engine: string;
  ratio: number | null;
  oldest_request_at: string | null;
  oldest_body_at: string | null;
  wiping_chains: number;
  lag_bytes: number;
  disk_free_bytes: number | null;
  retention: { max_age_ms: number | null; rows_max_age_ms: number | null; max_bytes: number | null; runs: number; last_run_at: string | null; dropped_bytes: number; deleted_requests: number; held: boolean };
};
export type Deleted = { deleted: number; done: boolean; end?: string };

export type BreakerState = 'closed' | 'open' | 'half_open';
export type Provider = {
  name: string;
  format: string;
  base_url: string;
  has_key: boolean;
  preset: string | null;
  fallback_provider: string | null;
  breaker: { enabled: boolean; state: BreakerState; failures: number; max_failures: number; opens_until: string | null };
  requests: number;
  failures: number;
  last_error: { at: string; message: string } | null;
};

export type RouteTarget = { provider: string; model: string | null };
export type RouteRule = {
  label: string;
  /** Where it was written: a line of the config, or an environment variable. */
  source: string;
  conditions: Record<string, string | number>;
  target: RouteTarget;
  hits: number;
  last_hit_at: string | null;
};
export type FoundAgent = { name: string; scope: string; file: string; model: string | null };
export type RoutingMode = 'on' | 'shadow' | 'passthrough';
export type Routing = {
  mode: RoutingMode;
  rules: RouteRule[];
  /** Missing where nobody looks for definitions. */
  agents?: FoundAgent[];
  loaded_at: string | null;
  reload_error: string | null;
};

/** Why a recorded request goes where it goes, by the rules of today; `recorded`: what was decided when it came. */
export type RouteExplanation = {
  mode: RoutingMode;
  who: { class: string | null; class_by: string | null; agent: string | null; agent_by: string | null; is_nested: boolean; is_background: boolean };
  model: string | null;
  tokens: number | null;
  rules: { label: string; source: string; fits: boolean; why: string }[];
  decision: { rule: string | null; target: string; is_followed: boolean; text: string };
};

export type Health = { status: string; version: string; timestamp: string };
