// The connection that the registry's scripts run on, with one typed method for each script.

import { readLua } from '../redis/lua.ts';
import { createRedisClient, type RedisClient, type RedisClientOptions } from '../redis/redis-client.ts';
import { type RegistryKeys, registryKeys } from './registry-keys.ts';

// What several begin with stands in one file, so that a count has one rule. Each key that a script touches is among its
// KEYS (registry-keys.ts says what they hold): a Redis Cluster that moves a slot then refuses the whole script, and never
// stops it half way.
const script = (...names: string[]) => readLua(import.meta.url, ...names.map((name) => `lua/${name}.lua`));

export const registryScripts = {
  takeLease: script('now', 'keep-calm', 'take-lease'),
  beat: script('now', 'keep-calm', 'beat'),
  writeStreams: script('announce', 'drop', 'write-streams'),
  expireLeases: script('now', 'expire-leases'),
  retireLease: script('retire-lease'),
  buryStreams: script('announce', 'drop', 'bury-streams'),
  nameDatabase: script('now', 'name-database'),
};

type Script = (keyCount: number, ...keysAndArguments: Array<string | number>) => Promise<unknown>;

/** To be registered or removed, as the scripts take it. */
export interface StreamWrite {
  /** See {@link entryOf}. */
  entry: string;
  boardId: string;
  /** `board|user`, or, to remove it, how soon its client was told to come back (ms), '' if nothing is known. */
  value: string;
}

export interface RegistryClientOptions extends RedisClientOptions {
  /** Begins every key. */
  prefix: string;
}

/** Arguments and answers as each script's header says. */
export class RegistryClient {
  /** For what needs no script. */
  readonly redis: RedisClient & Record<keyof typeof registryScripts, Script>;
  readonly keys: RegistryKeys;

  /** As `createRedisClient`. */
  constructor({ prefix, ...options }: RegistryClientOptions) {
    const redis = createRedisClient(options);
    for (const [name, lua] of Object.entries(registryScripts)) redis.defineCommand(name, { lua });
    this.redis = redis as RegistryClient['redis'];
    this.keys = registryKeys(prefix);
  }

  async takeLease(incarnation: string, leaseMs: number): Promise<void> {
    const { nodes, revisions, calm } = this.keys;
    await this.redis.takeLease(3, nodes, revisions, calm, incarnation, leaseMs);
  }

  async beat(
    incarnation: string,
    leaseMs: number,
    revision: number,
    count: number,
  ): Promise<'kept' | 'differs' | 'lost'> {
    const { nodes, revisions, calm } = this.keys;
    const held = this.keys.held(incarnation);
    const answer = await this.redis.beat(4, nodes, revisions, calm, held, incarnation, leaseMs, revision, count);
    return answer as 'kept' | 'differs' | 'lost';
  }

  async writeStreams(incarnation: string, revision: number, writes: StreamWrite[]): Promise<number> {
    const { keys, numberOf } = this.#boardsOf(writes);
    const allKeys = [this.keys.revisions, this.keys.held(incarnation), this.keys.changes, ...keys];
    const triples = writes.flatMap(({ entry, boardId, value }) => [entry, numberOf(boardId), value]);
    return (await this.redis.writeStreams(allKeys.length, ...allKeys, incarnation, revision, ...triples)) as number;
  }

  async expireLeases(incarnation: string, leaseMs: number): Promise<string[]> {
    const { nodes, revisions, calm, dying } = this.keys;
    return (await this.redis.expireLeases(4, nodes, revisions, calm, dying, incarnation, leaseMs)) as string[];
  }

  async retireLease(incarnation: string, backWithinMs: number): Promise<void> {
    const { nodes, revisions, retired, dying } = this.keys;
    await this.redis.retireLease(4, nodes, revisions, retired, dying, incarnation, backWithinMs);
  }

  /** @returns at most so many of the entries that an incarnation holds, any of them */
  async someHeld(incarnation: string, limit: number): Promise<Array<{ entry: string; boardId: string }>> {
    const held = await this.redis.hrandfield(this.keys.held(incarnation), limit, 'WITHVALUES');
    return pairsOf(held).map(([entry, value]) => ({ entry, boardId: boardOf(value) }));
  }

  async buryStreams(
    incarnation: string,
    streams: Array<{ entry: string; boardId: string }>,
  ): Promise<[finished: 0 | 1, taken: number] | null> {
    const { dying, retired, changes } = this.keys;
    const { keys, numberOf } = this.#boardsOf(streams);
    const allKeys = [dying, retired, this.keys.held(incarnation), changes, ...keys];
    const pairs = streams.flatMap(({ entry, boardId }) => [entry, numberOf(boardId)]);
    const answer = await this.redis.buryStreams(allKeys.length, ...allKeys, incarnation, ...pairs);
    return answer as [0 | 1, number] | null;
  }

  async nameDatabase(database: string, leaseMs: number): Promise<string[]> {
    return (await this.redis.nameDatabase(1, this.keys.databases, database, leaseMs)) as string[];
  }

  /** @returns the two keys of each board once, and each board's number among them, from 1 */
  #boardsOf(streams: Array<{ boardId: string }>) {
    const numbers = new Map<string, number>();
    const keys: string[] = [];
    for (const { boardId } of streams) {
      if (numbers.has(boardId)) continue;
      keys.push(this.keys.streams(boardId), this.keys.users(boardId));
      numbers.set(boardId, numbers.size + 1);
    }
    return { keys, numberOf: (boardId: string) => numbers.get(boardId) ?? 0 };
  }
}

/** @returns the board of an entry, from its `board|user` */
export function boardOf(held: string): string {
  return held.slice(0, held.indexOf('|'));
}

/** RESP 2 answers one flat list, RESP 3 a list of pairs. */
function pairsOf(answer: unknown): Array<[field: string, value: string]> {
  const flat = (answer as string[] | string[][]).flat();
  return Array.from({ length: flat.length / 2 }, (_, i) => [flat[2 * i] ?? '', flat[2 * i + 1] ?? '']);
}
