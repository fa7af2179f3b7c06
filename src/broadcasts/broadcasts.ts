// Tells the streams of this node what is broadcast on their boards.

import { setTimeout as delay, setImmediate as nextTurn } from 'node:timers/promises';
import { LoggedFailures } from '../background/failures.ts';
import { Task } from '../background/task.ts';
import type { Logger } from '../logging/logger.ts';
import type { Follower } from '../streams/follower.ts';
import type { OpenStreamsListener } from '../streams/open-streams.ts';
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
  readonly id: string;
  readonly followers: Set<Follower>;
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
  /** To streams: those that were told, and those whose client had something waiting. Dropped: notifications of a board on which too much was said. */
  readonly figures = { told: 0, skipped: 0, dropped: 0 };
  readonly #boards = new Map<string, Board>();
  readonly #toTell = new Set<Board>();
  readonly #task: Task;

  constructor({ log }: { log: Logger }) {
    this.#task = new Task({
      run: (stopping) => this.#tellAll(stopping),
      failures: new LoggedFailures({
        log,
        owner: 'broadcasts',
        failing: 'the broadcasts of a board cannot be told',
        healed: 'all broadcasts can be told again',
        isOutage: () => false,
      }),
    });
  }

  followed(follower: Follower): void {
    const { boardId: id } = follower;
    const board = this.#boards.get(id);
    if (board) board.followers.add(follower);
    else this.#boards.set(id, { id, followers: new Set([follower]), payloads: [], bytes: 0 });
  }

  left(follower: Follower): void {
    const board = this.#boards.get(follower.boardId);
    board?.followers.delete(follower);
    if (board?.followers.size === 0) this.#boards.delete(follower.boardId);
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
    this.figures.dropped += tooOld;
    this.#toTell.add(board);
    this.#task.wake();
  }

  async stop(): Promise<void> {
    const stopped = this.#task.stop();
    this.#toTell.clear();
    this.#boards.clear();
    await stopped;
  }

  async #tellAll(stopping: AbortSignal): Promise<undefined> {
    const startedAt = performance.now();
    const boards = [...this.#toTell];
    this.#toTell.clear();
    const faults: unknown[] = [];
    let busyMs = 0;
    let turn = new Turn();
    const rest = async () => {
      busyMs += turn.busyMs;
      await nextTurn();
      turn = new Turn();
    };
    for (const board of boards) {
      const batch = takeOr(board, (error) => void faults.push(error));
      if (!batch) continue;
      for (const follower of board.followers) {
        if (turn.elapsedMs > TURN_MS) await rest();
        if (tell(follower, batch)) this.figures.told += batch.size;
        else this.figures.skipped += batch.size;
      }
    }
    busyMs += turn.busyMs;
    const restMs = Math.max(INTERVAL_MS, busyMs / SHARE) - (performance.now() - startedAt);
    if (restMs > 0) await delay(restMs, undefined, { signal: stopping });
    if (faults.length > 0) throw faults[0];
  }
}

class Turn {
  readonly #startedAt = performance.now();
  readonly #cpu = process.cpuUsage();

  get elapsedMs(): number {
    return performance.now() - this.#startedAt;
  }

  /** Without the time in which the machine stood still or ran others: who rests four times that long tells nobody. */
  get busyMs(): number {
    const { user, system } = process.cpuUsage(this.#cpu);
    return Math.min(this.elapsedMs, (user + system) / 1000);
  }
}

/** A stream that cannot be written to is ended, and no other with it. @returns whether it was told */
function tell(follower: Follower, batch: BroadcastBatch): boolean {
  try {
    return follower.sendEphemeral(batch.framesFor(follower));
  } catch (error) {
    follower.fail(error);
    return false;
  }
}

/** @returns undefined also when they cannot be told: they are dropped, and those of the other boards are not */
function takeOr(board: Board, onFault: (error: unknown) => void): BroadcastBatch | undefined {
  try {
    return take(board);
  } catch (error) {
    onFault(error);
    return undefined;
  }
}

/** @returns undefined when nothing of what was heard is a broadcast */
function take(board: Board): BroadcastBatch | undefined {
  const { id, payloads } = board;
  board.payloads = [];
  board.bytes = 0;
  const broadcasts = payloads.flatMap(parsePayload);
  return broadcasts.length > 0 ? new BroadcastBatch(id, broadcasts) : undefined;
}
