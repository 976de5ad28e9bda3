// GET /api/setup of the mock: a configuration as the proxy would tell it.
const keys = [
  ['server.host', '127.0.0.1', 'default', '127.0.0.1', 'Address to listen on.'],
  ['server.port', '3001', 'default', '3001', 'Port to listen on. 0 lets the system pick a free one.'],
  ['server.public_url', '', 'default', '', 'Where browsers and clients reach the proxy when that is not host and port.'],
  ['providers.anthropic.base_url', 'https://api.anthropic.com', 'default', 'https://api.anthropic.com', 'Where requests go.'],
  ['providers.anthropic.proxy', 'http://ada:***@proxy.example:3128', 'config.yaml:7', '', 'CONNECT proxy on the way to the provider.'],
  ['storage.data_dir', '/home/ada/.local/share/claude-code-proxy', 'default', '', 'Folder of everything that is recorded.'],
  ['storage.retention.max_age', '30d', 'environment RETENTION', '0', 'Bodies older than this are let go. 0: never.'],
  ['storage.retention.rows_max_age', '0', 'default', '0', 'Rows older than this are let go, and their bodies. 0: never.'],
  ['storage.retention.max_bytes', '20GiB', 'default', '20GiB', 'The database is kept below this size. 0: any size.'],
  ['logging.level', 'debug', 'flag --log-level', 'info', 'The least important lines that are written.']
];

export const setupOf = (texts) => ({
  version: texts?.[0] ?? '0.1.0',
  public_url: null,
  loaded_at: new Date(Date.now() - 1_500_000).toISOString(),
  reload_error: texts?.[2] ?? null,
  variables: [
    { name: 'ENABLE_TOOL_SEARCH', value: 'true', restores: 'tool search for MCP servers' },
    { name: 'CLAUDE_CODE_ENABLE_FINE_GRAINED_TOOL_STREAMING', value: '1', restores: 'tool inputs as they are written' },
    { name: 'CLAUDE_CODE_PROPAGATE_TRACEPARENT', value: '1', restores: 'trace headers' },
    ...(texts ?? []).map((text) => ({ name: text, value: text, restores: text }))
  ],
  loaded_at: new Date(Date.now() - 3600_000).toISOString(),
  reload_error: texts ? texts[0] : null,
  oauth: texts ? { enabled: true, state: 'none', expires_at: null, note: texts[1] } : { enabled: false, state: 'off', expires_at: null, note: null },
  config_file: texts?.[1] ?? 'config.yaml',
  config: [...keys, ...(texts ?? []).map((text) => Array(5).fill(text))].map(([name, value, source, fallback, what]) => ({ name, value, source, default: fallback, what }))
});
