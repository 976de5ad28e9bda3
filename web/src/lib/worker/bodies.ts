// Bodies in the worker: fetched and parsed once, asked about often. Keeps the last few.
import { ApiError, errorOf } from '../api/errors.ts';
import { type Body, readBody } from '../conversation/body.ts';
import { type Conversation, readConversation } from '../conversation/conversation.ts';
import { type PlacedEvent, placeEvents } from '../conversation/sse.ts';

const most_kept_bytes = 64_000_000;
const kept = new Map<string, Promise<Body>>();
let kept_bytes = 0;

export async function fetchBytes(url: string): Promise<ArrayBuffer> {
  let response: Response;
  try {
    response = await fetch(url);
  } catch {
    throw new ApiError(0, 'unreachable', 'The proxy does not answer.');
  }
  if (!response.ok) throw await errorOf(response);
  return response.arrayBuffer();
}

/** The body at an address. `fresh` forgets what was read before: a running request's body may have grown. */
export function bodyAt(url: string, fresh = false): Promise<Body> {
  const known = kept.get(url);
  if (known && !fresh) return known;
  const body = fetchBytes(url).then(readBody);
  kept.set(url, body);
  body.then(({ bytes }) => makeRoom(bytes), () => kept.delete(url));
  return body;
}

function makeRoom(bytes: number) {
  kept_bytes += bytes;
  if (kept_bytes <= most_kept_bytes) return;
  // What is shown is in the page by now; it is fetched again when it is asked for again.
  const last = [...kept].at(-1)!;
  kept.clear();
  kept.set(...last);
  kept_bytes = bytes;
}

export type RequestBody = { conversation: Conversation; bytes: number; is_json: boolean; problem: string | null };

export async function readRequest(url: string, fresh: boolean): Promise<RequestBody> {
  const { json, bytes, is_json, problem } = await bodyAt(url, fresh);
  return { conversation: readConversation(json), bytes, is_json, problem };
}

export type Tree = { json: unknown; text: string | null; bytes: number; problem: string | null };

/** A JSON body as its value, any other as its text. */
export async function treeOf(url: string): Promise<Tree> {
  const { json, text, bytes, is_json, problem } = await bodyAt(url);
  return { json: is_json ? json : null, text: is_json ? null : text, bytes, problem };
}

export type Stream = { events: PlacedEvent[] | null; text: string | null; json: unknown; bytes: number };

/** An answer's decoded body: events where it is a stream, else JSON or text. */
export async function readStream(url: string): Promise<Stream> {
  const buffer = await fetchBytes(url);
  const text = new TextDecoder().decode(buffer);
  const events = placeEvents(text);
  if (events) return { events, text: null, json: null, bytes: buffer.byteLength };
  const body = readBody(buffer);
  return { events: null, text: body.is_json ? null : text, json: body.json, bytes: buffer.byteLength };
}
