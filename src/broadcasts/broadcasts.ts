// Tells the streams of this node what is broadcast on their boards.

import { setImmediate as nextTurn } from 'node:timers/promises';
import type { OpenStreamsListener } from '../streams/open-streams.ts';
import type { Stream } from '../streams/stream.ts';
import { BroadcastBatch } from './broadcast-batch.ts';
import { parsePayload } from './payload.ts';

/** What is heard within this time is told together. */
const INTERVAL_MS = 25;
/** Of the time of the event loop: events and requests have the rest, however much is broadcast (E5). */
const SHARE = 1 / 4;
/** After which the event loop gets a turn: an event waits no longer for the broadcasts of a crowd. */
const TURN_MS = 2;
/** Of the payloads of one board that wait to be told. A page that is told more than a megabyte a second draws nothing. */
const MAX_WAITING_BYTES = 32 * 1024;

interface Board {
  readonly streams: Set<Stream>;
  /** In the order in which they were heard. */
  payloads: string[];
  bytes: number;
}

/**
 * Best effort: told at most once, and those of one sender in the order in which one node has taken them. Dropped are the
 * oldest of a board on which more is broadcast than can be told, and what comes while a stream has not taken all that
 * it was sent before.
 */
export class Broadcasts implements OpenStreamsListener {
  readonly #boards = new Map<string, Board>();
  readonly #toTell = new Set<Board>();
  #timer: NodeJS.Timeout | undefined;
  #isTelling = false;
  #notBefore = 0;

  opened(stream: Stream): void {
    const board = this.#boards.get(stream.boardId);
    if (board) board.streams.add(stream);
    else this.#boards.set(stream.boardId, { streams: new Set([stream]), payloads: [], bytes: 0 });
  }

  ended(stream: Stream): void {
    const board = this.#boards.get(stream.boardId);
    board?.streams.delete(stream);
    if (board?.streams.size === 0) this.#boards.delete(stream.boardId);
  }

  /** Returns at once, as whoever listens must. */
  heard(boardId: string, payload: string): void {
    const board = this.#boards.get(boardId);
    if (!board) return;
    board.payloads.push(payload);
    board.bytes += payload.length;
    let tooOld = 0;
    while (board.bytes > MAX_WAITING_BYTES) {
      board.bytes -= board.payloads[tooOld]?.length ?? 0;
      tooOld += 1;
    }
    board.payloads.splice(0, tooOld);
    this.#toTell.add(board);
    this.#schedule();
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#toTell.clear();
    this.#boards.clear();
  }

  #schedule(): void {
    if (this.#isTelling || this.#timer) return;
    this.#timer = setTimeout(() => void this.#tellAll(), Math.max(0, this.#notBefore - performance.now()));
  }

  async #tellAll(): Promise<void> {
    this.#timer = undefined;
    this.#isTelling = true;
    const startedAt = performance.now();
    const boards = [...this.#toTell];
    this.#toTell.clear();
    let busyMs = 0;
    let turnStartedAt = startedAt;
    const rest = async () => {
      busyMs += performance.now() - turnStartedAt;
      await nextTurn();
      turnStartedAt = performance.now();
    };
    for (const board of boards) {
      const batch = take(board);
      if (!batch) continue;
      for (const stream of board.streams) {
        if (performance.now() - turnStartedAt > TURN_MS) await rest();
        stream.sendEphemeral(batch.framesFor(stream));
      }
    }
    busyMs += performance.now() - turnStartedAt;
    this.#notBefore = startedAt + Math.max(INTERVAL_MS, busyMs / SHARE);
    this.#isTelling = false;
    if (this.#toTell.size > 0) this.#schedule();
  }
}

/** @returns undefined when nothing of what was heard is a broadcast */
function take(board: Board): BroadcastBatch | undefined {
  const broadcasts = board.payloads.flatMap(parsePayload);
  board.payloads = [];
  board.bytes = 0;
  return broadcasts.length > 0 ? new BroadcastBatch(broadcasts) : undefined;
}
