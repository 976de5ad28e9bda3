// The live connection: /api/stream as an EventSource that comes back by itself, and says when lists must
// be read again. Knows nothing of what is shown.
import type { RequestRow } from './types.ts';

export type LiveStatus = 'connecting' | 'live' | 'reconnecting';

export type LiveListener = {
  onRow: (row: RequestRow, kind: 'started' | 'progress' | 'ended') => void;
  /** Events were missed: read the lists again. */
  onResync: () => void;
  onStatus: (status: LiveStatus) => void;
};

const first_retry_ms = 500;
const longest_retry_ms = 8000;

/** Opens the stream and returns the function that closes it for good. */
export function openLive(listener: LiveListener): () => void {
  let source: EventSource | null = null;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let retry_ms = first_retry_ms;
  let opened_before = false;
  let closed = false;

  function connect() {
    source = new EventSource('/api/stream');
    source.onopen = () => {
      retry_ms = first_retry_ms;
      listener.onStatus('live');
      opened_before = true;
      // What happened since the lists were read, or between two connections, is not known here, with or without
      // Last-Event-ID.
      listener.onResync();
    };
    source.onerror = () => {
      listener.onStatus(opened_before ? 'reconnecting' : 'connecting');
      // The browser retries a broken connection itself, but gives up on an HTTP error.
      if (source?.readyState === EventSource.CLOSED) retryLater();
    };
    for (const kind of ['started', 'progress', 'ended'] as const) {
      source.addEventListener(`request.${kind}`, (event) => {
        const row = parseRow((event as MessageEvent<string>).data);
        if (row) listener.onRow(row, kind);
      });
    }
    source.addEventListener('resync', () => listener.onResync());
  }

  function retryLater() {
    source?.close();
    clearTimeout(timer);
    if (closed) return;
    timer = setTimeout(connect, retry_ms);
    retry_ms = Math.min(retry_ms * 2, longest_retry_ms);
  }

  connect();
  return () => {
    closed = true;
    clearTimeout(timer);
    source?.close();
  };
}

function parseRow(data: string): RequestRow | null {
  try {
    const row = JSON.parse(data) as RequestRow;
    return typeof row?.id === 'string' ? row : null;
  } catch {
    return null;
  }
}
