// A recorded stream as something that can be played again: each piece of the answer, and when it came.
import type { Timeline } from '../api/types.ts';
import { type PlacedEvent, pieceOf } from '../conversation/sse.ts';

export type Piece = { at_us: number; block: number; kind: string; text: string };

/**
 * Gives each event the time of the chunk in which it ended. Chunks count bytes as they came over the wire; a
 * compressed stream's events are placed in proportion.
 */
export function piecesOf(events: PlacedEvent[], timeline: Timeline): Piece[] {
  const wire_bytes = timeline.chunks.reduce((sum, [, bytes]) => sum + bytes, 0);
  const decoded_bytes = events.at(-1)?.end ?? 0;
  const scale = decoded_bytes > 0 && Math.abs(wire_bytes - decoded_bytes) > 4 ? wire_bytes / decoded_bytes : 1;
  const pieces: Piece[] = [];
  let chunk = 0;
  let seen_bytes = timeline.chunks[0]?.[1] ?? 0;
  for (const event of events) {
    while (chunk < timeline.chunks.length - 1 && seen_bytes < Math.floor(event.end * scale)) seen_bytes += timeline.chunks[++chunk]![1];
    const piece = pieceOf(event);
    if (piece) pieces.push({ at_us: timeline.chunks[chunk]?.[0] ?? 0, ...piece });
  }
  return pieces;
}

export type PlayedBlock = { block: number; kind: string; text: string };

/** What had arrived by a moment, block by block. */
export function playedUntil(pieces: Piece[], at_us: number): PlayedBlock[] {
  const blocks = new Map<number, PlayedBlock>();
  for (const piece of pieces) {
    if (piece.at_us > at_us) break;
    const block = blocks.get(piece.block);
    if (block) block.text += piece.text;
    else blocks.set(piece.block, { block: piece.block, kind: piece.kind, text: piece.text });
  }
  return [...blocks.values()];
}
