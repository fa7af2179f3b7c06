// Opens connections to Redis that never make their caller wait: short timeouts, no queue, reconnecting for ever.

import { Redis } from 'ioredis';

/** How long a command may take, unless told otherwise. */
export const COMMAND_TIMEOUT_MS = 500;

const CONNECT_TIMEOUT_MS = 2000;
const DISCONNECT_TIMEOUT_MS = 500;
// Without it a connection whose peer has vanished stays "ready" until the kernel gives up, a quarter of an hour later.
const SILENCE_MS = 2500;
const FIRST_RETRY_MS = 50;
const LAST_RETRY_MS = 1000;

export interface RedisClientOptions {
  /** `redis://`, `rediss://`, or the path of a Unix socket. */
  url: string;
  /** Shown in CLIENT LIST. */
  name: string;
  /** Longer than the longest BLOCK that is sent; default 500. */
  commandTimeoutMs?: number;
  /** The longest pause between two attempts to connect; default 1000. */
  lastRetryMs?: number;
  /** Hears why a connection could not be opened or broke. */
  onError: (error: Error) => void;
}

/**
 * Does nothing until `connect()`. From then on commands reject at once while Redis is away and after
 * `commandTimeoutMs` while it hangs; none is sent twice. `disconnect()` ends it.
 */
export function createRedisClient(options: RedisClientOptions): Redis {
  const { url, name, commandTimeoutMs = COMMAND_TIMEOUT_MS, lastRetryMs = LAST_RETRY_MS, onError } = options;
  const client = new Redis(url, {
    lazyConnect: true,
    connectionName: `teamboard-${name}`,
    commandTimeout: commandTimeoutMs,
    socketTimeout: commandTimeoutMs + SILENCE_MS,
    connectTimeout: CONNECT_TIMEOUT_MS,
    disconnectTimeout: DISCONNECT_TIMEOUT_MS,
    enableOfflineQueue: false,
    maxRetriesPerRequest: 0,
    autoResendUnfulfilledCommands: false,
    // After a failover the name may lead to another server, while this connection is to what is now a replica.
    reconnectOnError: (error) => error.message.includes('READONLY'),
    retryStrategy: (attempt) => {
      const cap = Math.min(lastRetryMs, FIRST_RETRY_MS * 2 ** attempt);
      return Math.round(cap / 2 + (Math.random() * cap) / 2);
    },
  });
  client.on('error', onError);
  return client;
}
