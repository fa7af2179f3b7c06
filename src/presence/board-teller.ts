// One board that is open on this node: what its streams have been told of who is there, and telling them the rest.

import { setImmediate as nextTurn } from 'node:timers/promises';
import type { PublicUser } from '../accounts/user.ts';
import type { Failures } from '../background/failures.ts';
import { Task } from '../background/task.ts';
import type { RegistryChange } from '../liveness/stream-registry.ts';
import type { Follower } from '../streams/follower.ts';
import type { Chunk } from '../streams/wire/frame.ts';
import { changesChunk, nameable, syncChunk } from './presence-frames.ts';
import { WhoIsThere } from './who-is-there.ts';

/** Changes of this time are told together, and those of a crowd less often: to tell one stream takes about 10 µs. */
const LEAST_INTERVAL_MS = 100;
const INTERVAL_MS_PER_STREAM = 0.05;
const IDLE_MS = 60_000;
/** Streams that are written to before the event loop gets a turn. */
const FAN_OUT = 256;

export type BoardChange = Exclude<RegistryChange, { action: 'resync' }>;

export interface BoardTellerOptions {
  boardId: string;
  handoverMs: number;
  /** When a stream that had no room, a registry or a database that was away, is tried again. */
  retryMs: number;
  /** The users whom the registry holds. @throws when it is away */
  read: () => Promise<ReadonlySet<string>>;
  /** @throws when the database is away */
  nameUsers: (userIds: string[]) => Promise<PublicUser[]>;
  failures: Failures;
}

/** What one turn tells. */
interface Told {
  followers: Follower[];
  users: Map<string, PublicUser>;
  /** Those who are there and whose names could not be read. */
  nameless: ReadonlySet<string>;
  /** How many are there. */
  total: number;
}

/**
 * A stream is either told of each change, or, when it is new or had no room for one, gets a `sync` as soon as it can.
 * What is told is the difference between what was told and what is: so there is one `leave` for each `join`, whatever
 * happened to the registry in between.
 */
export class BoardTeller {
  readonly #options: BoardTellerOptions;
  readonly #users: WhoIsThere;
  /** What each stream has of the board, and whether it has been told all of `#told`. */
  readonly #followers = new Map<Follower, boolean>();
  #told = new Map<string, PublicUser>();
  readonly #task: Task;
  #mustRead = true;
  /** Set while the registry is being read: these changes may be in the answer or not. */
  #heardMeanwhile: BoardChange[] | undefined;
  #notBefore = 0;
  /** Nothing that the turn needed was out of reach. */
  #isWhole = true;

  constructor(options: BoardTellerOptions) {
    this.#options = options;
    const { failures } = options;
    this.#task = new Task({
      run: () => this.#turn(),
      failures: { failed: (error) => failures.failed(error), worked: () => this.#isWhole && failures.worked() },
    });
    this.#users = new WhoIsThere(options.handoverMs);
  }

  /** Of this node. */
  get followers(): Iterable<Follower> {
    return this.#followers.keys();
  }

  get isEmpty(): boolean {
    return this.#followers.size === 0;
  }

  /** Its `ready` may come later in this tick. */
  opened(follower: Follower): void {
    this.#followers.set(follower, false);
    this.#users.opened(follower.userId);
    this.#wake();
  }

  ended(follower: Follower, backWithinMs: number | undefined): void {
    this.#followers.delete(follower);
    this.#users.ended(follower.userId, backWithinMs);
    this.#wake();
  }

  heard(change: BoardChange): void {
    this.#heardMeanwhile?.push(change);
    this.#apply(change);
    this.#wake();
  }

  /** Compares with the registry. */
  resync(): void {
    this.#mustRead = true;
    this.#wake();
  }

  async stop(): Promise<void> {
    this.#followers.clear();
    await this.#task.stop();
    this.#options.failures.worked();
  }

  // `opened` is called before the stream has written its `ready`, in the same tick: the run begins after it.
  #wake(): void {
    this.#task.wake();
  }

  #apply(change: BoardChange): void {
    if (change.action === 'join') this.#users.joined(change.userId);
    else this.#users.left(change.userId, change.backWithinMs);
  }

  async #turn(): Promise<number> {
    const early = this.#notBefore - performance.now();
    if (early > 0) return early;
    this.#notBefore = performance.now() + Math.max(LEAST_INTERVAL_MS, this.#followers.size * INTERVAL_MS_PER_STREAM);
    this.#isWhole = true;
    if (this.#mustRead) await this.#read();
    // Together with the streams: the user of each is among them.
    const followers = [...this.#followers.keys()];
    const present = this.#users.list();
    const toName = nameable(present);
    const users = await this.#name(toName);
    const nameless = new Set(toName.filter((id) => !users.has(id)));
    await this.#tell({ followers, users, nameless, total: present.size });
    return this.#pauseMs(nameless.size > 0);
  }

  async #read(): Promise<void> {
    this.#mustRead = false;
    const heardMeanwhile: BoardChange[] = [];
    this.#heardMeanwhile = heardMeanwhile;
    try {
      this.#users.replace(await this.#options.read());
      for (const change of heardMeanwhile) this.#apply(change);
    } catch (error) {
      // What is known stays, and the streams of this node are known anyway.
      this.#mustRead = true;
      this.#lacks(error);
    }
    this.#heardMeanwhile = undefined;
  }

  /** While the database is away nobody new has a name, and is told of later. */
  async #name(userIds: string[]): Promise<Map<string, PublicUser>> {
    try {
      const users = await this.#options.nameUsers(userIds);
      return new Map(users.map((user) => [user.id, user]));
    } catch (error) {
      this.#lacks(error);
      const told = userIds.flatMap((id) => this.#told.get(id) ?? []);
      return new Map(told.map((user) => [user.id, user]));
    }
  }

  /** Tells of it, and nobody waits for it: a turn that ended here would keep back what is known. */
  #lacks(error: unknown): void {
    this.#isWhole = false;
    this.#options.failures.failed(error);
  }

  async #tell({ followers, users, nameless, total }: Told): Promise<void> {
    const { boardId } = this.#options;
    const changes = changesChunk(boardId, this.#told, users, total);
    this.#told = users;
    let sync: Chunk | undefined;
    for (const [index, follower] of followers.entries()) {
      if (index > 0 && index % FAN_OUT === 0) await nextTurn();
      const isUpToDate = this.#followers.get(follower);
      // It has ended meanwhile, or there is nothing to tell it.
      if (isUpToDate === undefined || (isUpToDate && !changes)) continue;
      // A `sync` in which its own user is missing would tell a page that it is not there.
      if (!isUpToDate && nameless.has(follower.userId)) continue;
      if (!isUpToDate) sync ??= syncChunk(boardId, users, total);
      const chunk = isUpToDate ? changes : sync;
      if (chunk) this.#followers.set(follower, follower.sendAside(chunk));
    }
  }

  #pauseMs(isNameless: boolean): number {
    const isBehind = [...this.#followers.values()].includes(false);
    const retryMs = this.#mustRead || isNameless || isBehind ? this.#options.retryMs : IDLE_MS;
    return Math.max(0, Math.min(retryMs, this.#users.nextEnd - performance.now()));
  }
}
