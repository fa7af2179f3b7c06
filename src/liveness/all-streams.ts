// Every open stream of an installation, as the registry in Redis has them: for whoever looks at it from beside.

import { connectOnce } from '../redis/redis-client.ts';
import { noAnswer } from './redis-visit.ts';
import { RegistryClient } from './registry-client.ts';
import type { HeldStream } from './stream-registry.ts';

/** Entries of one question. */
const PAGE = 500;
const COMMAND_TIMEOUT_MS = 5000;

export interface AllStreamsOptions {
  /** REDIS_URL. */
  url: string;
  prefix: string;
}

/**
 * One by one, a page at a time; a stream of many boards once for each. What opens or closes meanwhile may be told or not.
 *
 * @throws RegistryUnavailable when Redis cannot be reached, or refuses
 */
export async function* allStreams({ url, prefix }: AllStreamsOptions): AsyncGenerator<HeldStream> {
  let cause: Error | undefined;
  const onError = (error: Error) => {
    cause = error;
  };
  const client = new RegistryClient({ url, prefix, name: 'command', commandTimeoutMs: COMMAND_TIMEOUT_MS, onError });
  const { redis, keys } = client;
  try {
    await connectOnce(redis);
    for (const node of await redis.zrange(keys.nodes, '0', '-1')) {
      let cursor = '0';
      do {
        const [next, flat] = await redis.hscan(keys.held(node), cursor, 'COUNT', PAGE);
        cursor = next;
        for (let at = 0; at < flat.length; at += 2) {
          const [streamId = ''] = flat[at]?.split(':') ?? [];
          const [boardId = '', userId = ''] = flat[at + 1]?.split('|') ?? [];
          yield { streamId, boardId, userId, node };
        }
      } while (cursor !== '0');
    }
  } catch (error) {
    throw noAnswer(error as Error, cause);
  } finally {
    redis.disconnect();
  }
}
