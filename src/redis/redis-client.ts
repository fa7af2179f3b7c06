// Opens connections to Redis that never make their caller wait: short timeouts, no queue, reconnecting for ever.

import { Cluster, Redis, type RedisCommander } from 'ioredis';
import { readRedisAddress } from './redis-address.ts';

/** How long a command may take, unless told otherwise. */
export const COMMAND_TIMEOUT_MS = 500;

const CONNECT_TIMEOUT_MS = 2000;
const FIRST_CONNECT_MS = 4000;
const DISCONNECT_TIMEOUT_MS = 500;
// Without it a connection whose peer has vanished stays "ready" until the kernel gives up, a quarter of an hour later.
const SILENCE_MS = 2500;
const FIRST_RETRY_MS = 50;
const LAST_RETRY_MS = 1000;
// A command is sent to another node only when the first one has answered that it did nothing.
const MAX_REDIRECTIONS = 5;
// A node that is gone is found out by the answers of the others; this is for a cluster that has got new ones.
const SLOTS_REFRESH_MS = 15_000;

export interface RedisClientOptions {
  /** REDIS_URL. */
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

/** One server or a Redis Cluster, which answer the same. */
export interface RedisClient extends RedisCommander {
  readonly status: string;
  connect(): Promise<void>;
  disconnect(reconnect?: boolean): void;
  defineCommand(name: string, definition: { lua: string; numberOfKeys?: number }): void;
  on(event: 'ready' | 'close', listener: () => void): unknown;
  once(event: 'ready' | 'close', listener: () => void): unknown;
  off(event: 'ready' | 'close', listener: () => void): unknown;
}

/**
 * Does nothing until `connect()`. From then on commands reject at once while Redis is away and after
 * `commandTimeoutMs` while it hangs; none is done twice. `disconnect()` ends it.
 */
export function createRedisClient(options: RedisClientOptions): RedisClient {
  const { url, name, commandTimeoutMs = COMMAND_TIMEOUT_MS, lastRetryMs = LAST_RETRY_MS, onError } = options;
  const address = readRedisAddress(url);
  const retryMs = (attempt: number) => {
    const cap = Math.min(lastRetryMs, FIRST_RETRY_MS * 2 ** attempt);
    return Math.round(cap / 2 + (Math.random() * cap) / 2);
  };
  const connection = {
    connectionName: `teamboard-${name}`,
    // A right that no ACL of Redis 7.0 can name.
    disableClientInfo: true,
    // It asks again and again while Redis loads its data; ours fail then, and are told as such.
    enableReadyCheck: false,
    commandTimeout: commandTimeoutMs,
    socketTimeout: commandTimeoutMs + SILENCE_MS,
    connectTimeout: CONNECT_TIMEOUT_MS,
    disconnectTimeout: DISCONNECT_TIMEOUT_MS,
    maxRetriesPerRequest: 0,
    autoResendUnfulfilledCommands: false,
    // After a failover the name may lead to another server, while this connection is to what is now a replica.
    reconnectOnError: (error: Error) => error.message.includes('READONLY'),
  };
  if (address.kind === 'server') {
    const client = new Redis(address.url, {
      ...connection,
      lazyConnect: true,
      enableOfflineQueue: false,
      retryStrategy: retryMs,
    });
    client.on('error', (error) => {
      onError(error);
      // It would go on in database 0, which belongs to somebody else.
      if (isFailedSelect(error)) client.disconnect(true);
    });
    return client;
  }
  const { nodes, tls, username, password } = address;
  const cluster = new Cluster(nodes, {
    lazyConnect: true,
    enableOfflineQueue: false,
    enableReadyCheck: false,
    clusterRetryStrategy: retryMs,
    maxRedirections: MAX_REDIRECTIONS,
    // What was under way when a connection broke may have been done: it is not sent again.
    retryDelayOnFailover: 0,
    retryDelayOnClusterDown: 0,
    slotsRefreshInterval: SLOTS_REFRESH_MS,
    slotsRefreshTimeout: CONNECT_TIMEOUT_MS,
    // Names stay names, so that the certificates of the nodes fit.
    dnsLookup: (host, callback) => callback(null, host),
    redisOptions: {
      ...connection,
      ...(username && { username }),
      ...(password && { password }),
      ...(tls && { tls: {} }),
    },
  });
  cluster.on('error', (error: Error & { lastNodeError?: Error }) => onError(error.lastNodeError ?? error));
  cluster.on('node error', onError);
  cluster.on('+node', hearAsking);
  connectForEver(cluster, lastRetryMs);
  return cluster;
}

/** ioredis sends ASKING while a slot moves, and ends the process when its connection breaks before the answer. */
function hearAsking(node: Redis): void {
  const ask = node.asking.bind(node);
  node.asking = async () => ask().catch(() => 'OK' as const);
}

/**
 * A connection to a node that ends late, when the next attempt to connect has just begun, stops that one, and ioredis
 * makes no other. And a look at the slots that is under way at the end would plan the next one, for ever.
 */
function connectForEver(cluster: Cluster, lastRetryMs: number): void {
  const disconnect = cluster.disconnect.bind(cluster);
  let hasEnded = false;
  cluster.disconnect = (reconnect = false) => {
    hasEnded ||= !reconnect;
    disconnect(reconnect);
  };
  const refresh = cluster.refreshSlotsCache.bind(cluster);
  cluster.refreshSlotsCache = (done) =>
    refresh((error) => {
      if (!hasEnded) done?.(error);
    });
  cluster.on('close', () => {
    setTimeout(() => {
      if (!hasEnded && cluster.status === 'close') cluster.connect().catch(() => {});
    }, 2 * lastRetryMs).unref();
  });
}

/** Calls the listener on each connection from now on: of a Redis Cluster, to any of its nodes. */
export function onConnection(client: RedisClient, listener: () => void): void {
  if (client instanceof Cluster) {
    for (const node of client.nodes()) node.on('ready', listener);
    client.on('+node', (node: Redis) => node.on('ready', listener));
  } else client.on('ready', listener);
}

/** @returns true for a command that was sent and not answered in time: it may still be done */
export function isCommandTimeout(error: unknown): boolean {
  return error instanceof Error && error.message === 'Command timed out';
}

/** Connects. Resolves when that has gone well, badly, or takes too long: it goes on trying for ever. */
export async function connectOnce(client: RedisClient): Promise<void> {
  let settle = () => {};
  const settled = new Promise<void>((resolve) => {
    settle = resolve;
  });
  const timer = setTimeout(settle, FIRST_CONNECT_MS);
  // Of a cluster that cannot be used ioredis tells neither that it is connected nor that it is not.
  client.once('close', settle);
  client.connect().then(settle, settle);
  await settled;
  clearTimeout(timer);
  client.off('close', settle);
}

function isFailedSelect(error: Error & { command?: { name?: string } }): boolean {
  return error.name === 'ReplyError' && error.command?.name === 'select';
}
