// The snapshots that are costly to make, while clients read them: one copy for all who ask at the same place of the log.

import { setTimeout as delay } from 'node:timers/promises';
import pLimit from 'p-limit';
import type { Waiting, WaitingBytes } from '../output/waiting-bytes.ts';
import { unavailable } from '../problems/problem.ts';
import { type Place, type SnapshotBytes, SnapshotReader } from './snapshot.ts';

/** Large boards that are read from the database at a time: each takes a connection of it for a second or so. */
const READS_AT_A_TIME = 2;
/** Boards that may wait for that. */
const MOST_WAITING_READS = 32;
/** Who asks for a board while it is read, and needs a newer one, waits for one read more. */
const MOST_TURNS = 3;
/** How long one that nobody reads any more is kept: most who come after a restart come within a moment. */
const LINGER_MS = 2000;
/** How long a read waits for room, and how often it looks. */
const ROOM_WAIT_MS = 5000;
const ROOM_LOOK_MS = 250;
/** When there is no room, readers make it that have taken nothing for so long. */
const IDLE_MS = 2000;

interface Held {
  key: string;
  snapshot: SnapshotBytes;
  readers: Set<SnapshotReader>;
  /** Until those who wait for it had their turn. */
  isFresh: boolean;
  lingering?: NodeJS.Timeout;
}

export interface SnapshotShelfOptions {
  waiting: WaitingBytes;
  /** @returns undefined when there is no such board */
  readWhole: (key: string) => Promise<SnapshotBytes | undefined>;
}

export class SnapshotShelf implements Waiting {
  readonly #options: SnapshotShelfOptions;
  readonly #lane = pLimit(READS_AT_A_TIME);
  readonly #held = new Set<Held>();
  /** The newest of each key. */
  readonly #newest = new Map<string, Held>();
  readonly #reads = new Map<string, Promise<void>>();
  #bytes = 0;

  constructor(options: SnapshotShelfOptions) {
    this.#options = options;
    options.waiting.include(this);
  }

  /** Of a snapshot the whole is here until its last reader has it. */
  get waitingBytes(): number {
    return this.#bytes;
  }

  /**
   * @param key what is asked for, as a board by its id
   * @param place where the log was when the caller asked: older than this is nothing that it gets
   * @param expectedBytes of the snapshot
   * @returns undefined when there is no such board any more
   * @throws Problem TB_UNAVAILABLE when there is no room for it now; the error of the database when it is away
   */
  async take(key: string, place: Place, expectedBytes: number): Promise<SnapshotReader | undefined> {
    for (let turn = 0; turn < MOST_TURNS; turn += 1) {
      const held = this.#newest.get(key);
      if (held && held.snapshot.epoch === place.epoch && held.snapshot.seq >= place.seq) return this.#open(held);
      const known = this.#reads.get(key);
      await (known ?? this.#begin(key, expectedBytes));
      if (!known && !this.#newest.has(key)) return undefined;
    }
    throw unavailable('The board has another history now. Ask again.');
  }

  #open(held: Held): SnapshotReader {
    clearTimeout(held.lingering);
    const onRelease = () => {
      held.readers.delete(reader);
      if (held.readers.size > 0) return;
      if (this.#newest.get(held.key) === held) this.#linger(held);
      else this.#drop(held);
    };
    const reader = new SnapshotReader(held.snapshot, { isShared: true, onRelease });
    held.readers.add(reader);
    return reader;
  }

  #begin(key: string, expectedBytes: number): Promise<void> {
    if (this.#lane.pendingCount >= MOST_WAITING_READS)
      throw unavailable('Too many large boards are asked for at once.');
    const read = this.#lane(() => this.#fill(key, expectedBytes)).finally(() => this.#reads.delete(key));
    this.#reads.set(key, read);
    return read;
  }

  async #fill(key: string, expectedBytes: number): Promise<void> {
    await this.#makeRoom(expectedBytes);
    this.#bytes += expectedBytes;
    let snapshot: SnapshotBytes | undefined;
    try {
      snapshot = await this.#options.readWhole(key);
    } finally {
      this.#bytes -= expectedBytes;
    }
    const before = this.#newest.get(key);
    this.#newest.delete(key);
    if (before?.readers.size === 0) this.#drop(before);
    if (!snapshot) return;
    const held: Held = { key, snapshot, readers: new Set(), isFresh: true };
    setImmediate(() => {
      held.isFresh = false;
    });
    this.#bytes += snapshot.bytes;
    this.#held.add(held);
    this.#newest.set(key, held);
    this.#linger(held);
  }

  /** One may be there whatever its size; then the board is at least read by one after the other. */
  async #makeRoom(bytes: number): Promise<void> {
    const deadline = performance.now() + ROOM_WAIT_MS;
    while (this.#bytes > 0 && this.#options.waiting.roomOf(this) < bytes) {
      if (this.#giveUpOne()) continue;
      if (performance.now() > deadline) throw unavailable('Too many large boards are being read from this node.');
      await delay(ROOM_LOOK_MS);
    }
  }

  /** Nobody's first, then the one whose readers stand still for the longest. @returns false when all of them move */
  #giveUpOne(): boolean {
    let idlest: Held | undefined;
    let since = performance.now() - IDLE_MS;
    for (const held of this.#held) {
      const movedAt = Math.max(0, ...[...held.readers].map((reader) => reader.movedAt));
      if (held.isFresh || movedAt > since) continue;
      idlest = held;
      since = movedAt;
    }
    if (!idlest) return false;
    for (const reader of [...idlest.readers]) reader.cut();
    this.#drop(idlest);
    return true;
  }

  #linger(held: Held): void {
    clearTimeout(held.lingering);
    held.lingering = setTimeout(() => this.#drop(held), LINGER_MS);
    held.lingering.unref();
  }

  #drop(held: Held): void {
    clearTimeout(held.lingering);
    if (!this.#held.delete(held)) return;
    this.#bytes -= held.snapshot.bytes;
    if (this.#newest.get(held.key) === held) this.#newest.delete(held.key);
  }
}
