// From environment variables to one frozen, typed configuration. Each error names its variable.

import { envSchema } from 'env-schema';
import { canonicalOrigin } from '../http/origin.ts';
import { AddressError, readAddress } from '../postgres/address.ts';
import { RedisAddressError, readRedisAddress } from '../redis/redis-address.ts';
import { type AuthSource, readAuthSource } from './auth-source.ts';
import { ConfigError } from './config-error.ts';
import { type JwtIssuer, readJwtIssuers } from './jwt-issuers.ts';
import { refuseMisspeltDatabase } from './misspelt-settings.ts';
import { type RailsSession, readRailsSession } from './rails-session.ts';
import { refuseConflicts } from './setting-conflicts.ts';
import { environmentSchema, type Settings, settingNames } from './settings.ts';
import { readTrustedProxies } from './trusted-proxies.ts';

/** What the process is told from outside. Absent addresses mean the embedded database and the registry in process. */
export interface Config {
  port: number;
  host: string;
  databaseUrl: string | undefined;
  /** For LISTEN and migrations, which must go past a transaction pooler. */
  databaseDirectUrl: string | undefined;
  /** Which has all that is ours in the database. */
  databaseSchema: string;
  redisUrl: string | undefined;
  /** Begins every key in Redis: those of one installation are alike. */
  redisPrefix: string;
  dataDir: string;
  publicUrl: string | undefined;
  /** Origins whose pages may use this server as its own pages may. */
  corsOrigins: readonly string[];
  /** Applications whose JWTs are good here. */
  jwtIssuers: readonly JwtIssuer[];
  /** The cookie in which an application's pages send their JWT. */
  jwtCookie: string | undefined;
  /** A Rails application whose session cookie says who is calling. */
  rails: RailsSession | undefined;
  /** An application that is asked who is calling. */
  auth: AuthSource | undefined;
  /** Addresses and ranges of proxies, whose `X-Forwarded-For`, `-Proto` and `-Host` are believed. None: nobody's are. */
  trustProxy: readonly string[];
  logLevel: string;
  /** Lines of the log for requests; 0: none. */
  logRequestsPerSecond: number;
  /** Where the metrics are; undefined: not on a port of their own. */
  metricsPort: number | undefined;
  /** Which whoever reads the metrics sends. */
  metricsToken: string | undefined;
  heartbeatSeconds: number;
  streamMaxAgeMinutes: number;
  drainSeconds: number;
  presenceHandoverSeconds: number;
  streamsPerUser: number;
  streamsPerBoard: number;
  streamsPerNode: number;
  /** That one address may make. */
  accountsPerMinute: number;
  /** Of one address. */
  signInsPerMinute: number;
  /** Of streams, by the new accounts of one address. */
  openingsPerMinute: number;
  /** By strangers of one address, of what they hold a link to. */
  lookupsPerMinute: number;
  /** Of one user, on this node. */
  writesPerSecond: number;
  broadcastsPerSecond: number;
  /** The least role that may broadcast. */
  broadcastsFrom: 'viewer' | 'editor' | 'owner';
  /** Bytes of the newest frames that are kept in memory. */
  ringBytesPerBoard: number;
  ringBytesPerNode: number;
  /** Bytes that all streams together may have waiting for their clients. */
  waitingBytesPerNode: number;
  /** That are still there of those that the user has made. */
  boardsPerUser: number;
  tokensPerUser: number;
  membersPerBoard: number;
  /** Open ones. */
  invitesPerBoard: number;
  webhooksPerBoard: number;
  /** Webhooks may lead to this machine and the network around it, also without TLS. */
  webhookAllowPrivate: boolean;
  /** A guest's account that is of no use to anybody any more is removed after so long. */
  guestDays: number;
  /** What one board may hold; the bytes are those of the texts and data, as JSON. */
  itemsPerBoard: number;
  bytesPerBoard: number;
  /** An event is trimmed when it is past the first two, or past the third. */
  retentionEvents: number;
  retentionDays: number;
  retentionBytes: number;
}

/**
 * @param environment as in `process.env`; a blank variable counts as none
 * @throws ConfigError at the first setting that is wrong
 */
export function loadConfig(environment: Record<string, string | undefined>): Readonly<Config> {
  const given = readGiven(environment);
  const settings = validate(given);
  refuseMisspeltDatabase(environment, settingNames);
  checkAddress('DATABASE_URL', settings.DATABASE_URL, readAddress);
  checkAddress('DATABASE_DIRECT_URL', settings.DATABASE_DIRECT_URL, readAddress);
  checkAddress('REDIS_URL', settings.REDIS_URL, readRedisAddress);
  checkUrl('PUBLIC_URL', settings.PUBLIC_URL, ['http:', 'https:']);
  if (settings.DATABASE_DIRECT_URL && !settings.DATABASE_URL) {
    throw new ConfigError('DATABASE_DIRECT_URL is set without DATABASE_URL: name the database in both.');
  }
  if (settings.REDIS_URL && !settings.DATABASE_URL) {
    throw new ConfigError(
      'REDIS_URL is set without DATABASE_URL: Redis connects nodes, and they need one database that all can reach.',
    );
  }
  refuseConflicts(settings, new Set(Object.keys(given)));
  return Object.freeze({
    port: settings.PORT,
    host: settings.HOST,
    databaseUrl: settings.DATABASE_URL,
    databaseDirectUrl: settings.DATABASE_DIRECT_URL ?? settings.DATABASE_URL,
    databaseSchema: settings.DATABASE_SCHEMA,
    redisUrl: settings.REDIS_URL,
    redisPrefix: settings.REDIS_PREFIX,
    dataDir: settings.DATA_DIR,
    // As a URL is written out: 'HTTPS://Boards.example/' is https too, and makes the cookie Secure.
    publicUrl: settings.PUBLIC_URL && new URL(settings.PUBLIC_URL).href.replace(/\/+$/, ''),
    corsOrigins: readOrigins(settings.CORS_ORIGINS ?? ''),
    jwtIssuers: readJwtIssuers(settings.JWT_ISSUERS),
    jwtCookie: settings.JWT_COOKIE,
    rails: readRailsSession(settings.RAILS_SECRET_KEY_BASE, settings.RAILS_COOKIE),
    auth: readAuthSource(settings, new Set(Object.keys(given))),
    trustProxy: readTrustedProxies(settings.TRUST_PROXY ?? ''),
    logLevel: settings.LOG_LEVEL,
    logRequestsPerSecond: settings.LOG_REQUESTS_PER_SECOND,
    metricsPort: settings.METRICS_PORT,
    metricsToken: settings.METRICS_TOKEN,
    heartbeatSeconds: settings.HEARTBEAT_SECONDS,
    streamMaxAgeMinutes: settings.STREAM_MAX_AGE_MINUTES,
    drainSeconds: settings.DRAIN_SECONDS,
    presenceHandoverSeconds: settings.PRESENCE_HANDOVER_SECONDS,
    // A default is never above what was set beside it.
    streamsPerUser: Math.min(settings.STREAMS_PER_USER, settings.STREAMS_PER_NODE),
    streamsPerBoard: Math.min(settings.STREAMS_PER_BOARD, settings.STREAMS_PER_NODE),
    streamsPerNode: settings.STREAMS_PER_NODE,
    accountsPerMinute: settings.ACCOUNTS_PER_MINUTE,
    signInsPerMinute: settings.SIGN_INS_PER_MINUTE,
    openingsPerMinute: settings.OPENINGS_PER_MINUTE,
    lookupsPerMinute: settings.LOOKUPS_PER_MINUTE,
    writesPerSecond: settings.WRITES_PER_SECOND,
    broadcastsPerSecond: settings.BROADCASTS_PER_SECOND,
    broadcastsFrom: settings.BROADCASTS_FROM,
    ringBytesPerBoard: Math.min(settings.RING_BYTES_PER_BOARD, settings.RING_BYTES_PER_NODE),
    ringBytesPerNode: settings.RING_BYTES_PER_NODE,
    waitingBytesPerNode: settings.WAITING_BYTES_PER_NODE,
    boardsPerUser: settings.BOARDS_PER_USER,
    tokensPerUser: settings.TOKENS_PER_USER,
    membersPerBoard: settings.MEMBERS_PER_BOARD,
    invitesPerBoard: settings.INVITES_PER_BOARD,
    webhooksPerBoard: settings.WEBHOOKS_PER_BOARD,
    webhookAllowPrivate: settings.WEBHOOK_ALLOW_PRIVATE,
    guestDays: settings.GUEST_DAYS,
    itemsPerBoard: settings.ITEMS_PER_BOARD,
    bytesPerBoard: settings.BYTES_PER_BOARD,
    retentionEvents: settings.RETENTION_EVENTS,
    retentionDays: settings.RETENTION_DAYS,
    retentionBytes: settings.RETENTION_BYTES,
  });
}

/** @returns what is set, and no setting that is blank */
function readGiven(environment: Record<string, string | undefined>): Record<string, string> {
  return Object.fromEntries(
    settingNames.flatMap((name) => {
      const value = environment[name]?.trim();
      return value ? [[name, value]] : [];
    }),
  );
}

function validate(given: Record<string, string>): Settings {
  try {
    return envSchema<Settings>({
      schema: environmentSchema,
      data: given,
      dotenv: false,
      env: false,
    });
  } catch (error) {
    throw new ConfigError(describe(error, given), { cause: error });
  }
}

function describe(error: unknown, given: Record<string, string | undefined>): string {
  const [fault] = (error as { errors?: Array<{ instancePath: string; message?: string }> }).errors ?? [];
  const name = fault?.instancePath.slice(1) ?? '';
  if (name === 'LOG_LEVEL') {
    return `LOG_LEVEL must be fatal, error, warn, info, debug, trace or silent, and is '${given[name]}'.`;
  }
  if (name === 'WEBHOOK_ALLOW_PRIVATE') return `WEBHOOK_ALLOW_PRIVATE must be true or false, and is '${given[name]}'.`;
  if (name === 'BROADCASTS_FROM') return `BROADCASTS_FROM must be viewer, editor or owner, and is '${given[name]}'.`;
  if (name === 'REDIS_PREFIX') {
    return `REDIS_PREFIX must be 1 to 64 letters, digits and . _ : -, and is '${given[name]}'.`;
  }
  // It is a secret: the value is not repeated.
  if (name === 'METRICS_TOKEN') return 'METRICS_TOKEN must be 16 to 200 characters of ASCII without spaces.';
  if (name === 'JWT_COOKIE' || name === 'RAILS_COOKIE')
    return `${name} must be the name of a cookie, and is '${given[name]}'.`;
  if (name === 'DATABASE_SCHEMA') {
    return (
      'DATABASE_SCHEMA must be 1 to 20 lower-case letters, digits and _, with no digit first, and not public, ' +
      `information_schema or pg_…, and is '${given[name]}'.`
    );
  }
  return `${name} ${fault?.message ?? String(error)}, and is '${given[name]}'.`;
}

function checkAddress(name: string, value: string | undefined, read: (address: string) => unknown): void {
  if (value === undefined) return;
  try {
    read(value);
  } catch (error) {
    if (!(error instanceof AddressError || error instanceof RedisAddressError)) throw error;
    throw new ConfigError(`${name} ${error.message}`, { cause: error });
  }
}

function checkUrl(name: string, value: string | undefined, protocols: string[]): void {
  if (value === undefined) return;
  if (URL.canParse(value) && protocols.some((protocol) => value.toLowerCase().startsWith(`${protocol}//`))) return;
  // The value may hold a password: it is not repeated in the message.
  throw new ConfigError(`${name} must be an address that starts with ${protocols.map((p) => `${p}//`).join(' or ')}.`);
}

/** @returns them as a browser writes them */
function readOrigins(list: string): readonly string[] {
  const origins = list
    .split(',')
    .flatMap((part) => part.trim() || [])
    .map((written, index) => {
      const origin = written.includes('*') ? undefined : canonicalOrigin(written);
      if (origin !== undefined) return origin;
      throw new ConfigError(
        `CORS_ORIGINS must be origins like https://app.example (no path, no *), separated by commas; number ` +
          `${index + 1} is none.`,
      );
    });
  return Object.freeze(origins);
}
