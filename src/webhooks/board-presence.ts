// Who opens and closes one board, as those are told who have no stream: one by one, and after the fact.

import type { PublicUser } from '../accounts/user.ts';
import type { Failures } from '../background/failures.ts';
import { Task } from '../background/task.ts';
import type { RegistryChange } from '../liveness/stream-registry.ts';
import { WhoIsThere } from '../presence/who-is-there.ts';

const RETRY_MS = 1000;

export interface BoardPresenceOptions {
  /** How long a user is waited for whose last stream has ended. */
  handoverMs: number;
  /** The users whom the registry holds. @throws when it is away */
  read: () => Promise<ReadonlySet<string>>;
  /** @throws when the database is away */
  nameUsers: (userIds: string[]) => Promise<PublicUser[]>;
  tell: (action: 'join' | 'leave', user: PublicUser) => void;
  failures: Failures;
}

/**
 * Whoever is there when it begins is told to nobody. After that it tells the difference between what it has told and what
 * is: one `leave` for each `join`, for as long as it lasts.
 */
export class BoardPresence {
  readonly #options: BoardPresenceOptions;
  readonly #users: WhoIsThere;
  readonly #task: Task;
  #told: Set<string> | undefined;
  #mustRead = true;
  /** Set while the registry is being read: these changes may be in the answer or not. */
  #heardMeanwhile: Exclude<RegistryChange, { action: 'resync' }>[] | undefined;

  constructor(options: BoardPresenceOptions) {
    this.#options = options;
    this.#users = new WhoIsThere(options.handoverMs);
    this.#task = new Task({
      run: () => this.#turn(),
      failures: options.failures,
      backoff: { firstMs: RETRY_MS, lastMs: 10 * RETRY_MS },
    });
  }

  /** Resolves when it knows who is there, or has failed to: whoever comes after that is told. */
  async start(): Promise<void> {
    await this.#task.start();
  }

  async stop(): Promise<void> {
    await this.#task.stop();
    this.#options.failures.worked();
  }

  heard(change: RegistryChange): void {
    if (change.action === 'resync') this.#mustRead = true;
    else {
      this.#heardMeanwhile?.push(change);
      this.#apply(change);
    }
    this.#task.wake();
  }

  #apply(change: Exclude<RegistryChange, { action: 'resync' }>): void {
    if (change.action === 'join') this.#users.joined(change.userId);
    else this.#users.left(change.userId, change.backWithinMs);
  }

  async #turn(): Promise<number | undefined> {
    if (this.#mustRead) await this.#read();
    const present = this.#users.list();
    const told = this.#told;
    if (!told) {
      this.#told = present;
    } else {
      const come = [...present].filter((userId) => !told.has(userId));
      const gone = [...told].filter((userId) => !present.has(userId));
      const users = await this.#options.nameUsers([...come, ...gone]);
      for (const [index, user] of users.entries()) this.#options.tell(index < come.length ? 'join' : 'leave', user);
      this.#told = present;
    }
    const waitMs = this.#users.nextEnd - performance.now();
    return waitMs === Number.POSITIVE_INFINITY ? undefined : Math.max(0, waitMs);
  }

  async #read(): Promise<void> {
    this.#mustRead = false;
    const meanwhile: Exclude<RegistryChange, { action: 'resync' }>[] = [];
    this.#heardMeanwhile = meanwhile;
    try {
      this.#users.replace(await this.#options.read());
      for (const change of meanwhile) this.#apply(change);
    } catch (error) {
      this.#mustRead = true;
      throw error;
    } finally {
      this.#heardMeanwhile = undefined;
    }
  }
}
