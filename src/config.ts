// From environment variables to one frozen, typed configuration. Each error names its variable.

import { envSchema } from 'env-schema';
import { type Static, Type } from 'typebox';
import { ConfigError } from './config-error.ts';
import { type JwtIssuer, readJwtIssuers } from './jwt-issuers.ts';

const whole = (minimum: number, maximum: number, fallback: number) =>
  Type.Integer({ minimum, maximum, default: fallback });

const environmentSchema = Type.Object({
  PORT: whole(0, 65_535, 3000),
  HOST: Type.String({ default: '127.0.0.1' }),
  DATABASE_URL: Type.Optional(Type.String()),
  DATABASE_DIRECT_URL: Type.Optional(Type.String()),
  REDIS_URL: Type.Optional(Type.String()),
  DATA_DIR: Type.String({ default: '.data' }),
  PUBLIC_URL: Type.Optional(Type.String()),
  CORS_ORIGINS: Type.Optional(Type.String()),
  JWT_ISSUERS: Type.Optional(Type.String()),
  CLIENT_ADDRESS_HEADER: Type.Optional(Type.String({ pattern: "^[!#$%&'*+.^_`|~0-9A-Za-z-]+$" })),
  LOG_LEVEL: Type.Union(
    ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'].map((level) => Type.Literal(level)),
    { default: 'info' },
  ),
  HEARTBEAT_SECONDS: whole(1, 60, 15),
  STREAM_MAX_AGE_MINUTES: whole(1, 1440, 30),
  DRAIN_SECONDS: whole(0, 240, 10),
  PRESENCE_HANDOVER_SECONDS: whole(0, 60, 3),
  STREAMS_PER_USER: whole(1, 1_000_000, 50),
  STREAMS_PER_BOARD: whole(1, 1_000_000, 10_000),
  STREAMS_PER_NODE: whole(1, 1_000_000, 15_000),
  ACCOUNTS_PER_MINUTE: whole(1, 1_000_000, 60),
  WRITES_PER_SECOND: whole(1, 1_000_000, 50),
  BROADCASTS_PER_SECOND: whole(1, 1_000_000, 30),
  BROADCASTS_FROM: Type.Union([Type.Literal('viewer'), Type.Literal('editor'), Type.Literal('owner')], {
    default: 'viewer',
  }),
  RING_BYTES_PER_BOARD: whole(0, 2 ** 30, 256 * 1024),
  RING_BYTES_PER_NODE: whole(0, 2 ** 40, 64 * 1024 * 1024),
  WAITING_BYTES_PER_NODE: whole(1024 * 1024, 2 ** 40, 64 * 1024 * 1024),
  BOARDS_PER_USER: whole(1, 1_000_000, 1000),
  TOKENS_PER_USER: whole(1, 1_000_000, 50),
  MEMBERS_PER_BOARD: whole(1, 1_000_000, 1000),
  INVITES_PER_BOARD: whole(1, 1_000_000, 100),
  GUEST_DAYS: whole(1, 36_500, 30),
  ITEMS_PER_BOARD: whole(1, 10_000_000, 20_000),
  BYTES_PER_BOARD: whole(1, 2 ** 40, 64 * 1024 * 1024),
  RETENTION_EVENTS: whole(1, Number.MAX_SAFE_INTEGER, 10_000),
  RETENTION_DAYS: whole(0, 36_500, 30),
  RETENTION_BYTES: whole(1024 * 1024, 2 ** 50, 256 * 1024 * 1024),
});

/** What the process is told from outside. Absent addresses mean the embedded database and the registry in process. */
export interface Config {
  port: number;
  host: string;
  databaseUrl: string | undefined;
  /** For LISTEN and migrations, which must go past a transaction pooler. */
  databaseDirectUrl: string | undefined;
  redisUrl: string | undefined;
  dataDir: string;
  publicUrl: string | undefined;
  /** Origins whose pages may use this server as its own pages may. */
  corsOrigins: readonly string[];
  /** Applications whose JWTs are good here. */
  jwtIssuers: readonly JwtIssuer[];
  /** The header field in which the proxy in front says who its client is, in lower case. */
  clientAddressHeader: string | undefined;
  logLevel: string;
  heartbeatSeconds: number;
  streamMaxAgeMinutes: number;
  drainSeconds: number;
  presenceHandoverSeconds: number;
  streamsPerUser: number;
  streamsPerBoard: number;
  streamsPerNode: number;
  /** That one address may make. */
  accountsPerMinute: number;
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
  const settings = validate(environment);
  checkUrl('DATABASE_URL', settings.DATABASE_URL, ['postgres:', 'postgresql:']);
  checkUrl('DATABASE_DIRECT_URL', settings.DATABASE_DIRECT_URL, ['postgres:', 'postgresql:']);
  // Or the path of a Unix socket.
  if (!settings.REDIS_URL?.startsWith('/')) checkUrl('REDIS_URL', settings.REDIS_URL, ['redis:', 'rediss:']);
  checkUrl('PUBLIC_URL', settings.PUBLIC_URL, ['http:', 'https:']);
  if (settings.DATABASE_DIRECT_URL && !settings.DATABASE_URL) {
    throw new ConfigError('DATABASE_DIRECT_URL is set without DATABASE_URL: name the database in both.');
  }
  if (settings.REDIS_URL && !settings.DATABASE_URL) {
    throw new ConfigError(
      'REDIS_URL is set without DATABASE_URL: Redis connects nodes, and they need one database that all can reach.',
    );
  }
  return Object.freeze({
    port: settings.PORT,
    host: settings.HOST,
    databaseUrl: settings.DATABASE_URL,
    databaseDirectUrl: settings.DATABASE_DIRECT_URL ?? settings.DATABASE_URL,
    redisUrl: settings.REDIS_URL,
    dataDir: settings.DATA_DIR,
    // As a URL is written out: 'HTTPS://Boards.example/' is https too, and makes the cookie Secure.
    publicUrl: settings.PUBLIC_URL && new URL(settings.PUBLIC_URL).href.replace(/\/+$/, ''),
    corsOrigins: readOrigins(settings.CORS_ORIGINS ?? ''),
    jwtIssuers: readJwtIssuers(settings.JWT_ISSUERS),
    clientAddressHeader: settings.CLIENT_ADDRESS_HEADER?.toLowerCase(),
    logLevel: settings.LOG_LEVEL,
    heartbeatSeconds: settings.HEARTBEAT_SECONDS,
    streamMaxAgeMinutes: settings.STREAM_MAX_AGE_MINUTES,
    drainSeconds: settings.DRAIN_SECONDS,
    presenceHandoverSeconds: settings.PRESENCE_HANDOVER_SECONDS,
    streamsPerUser: settings.STREAMS_PER_USER,
    streamsPerBoard: settings.STREAMS_PER_BOARD,
    streamsPerNode: settings.STREAMS_PER_NODE,
    accountsPerMinute: settings.ACCOUNTS_PER_MINUTE,
    writesPerSecond: settings.WRITES_PER_SECOND,
    broadcastsPerSecond: settings.BROADCASTS_PER_SECOND,
    broadcastsFrom: settings.BROADCASTS_FROM,
    ringBytesPerBoard: settings.RING_BYTES_PER_BOARD,
    ringBytesPerNode: settings.RING_BYTES_PER_NODE,
    waitingBytesPerNode: settings.WAITING_BYTES_PER_NODE,
    boardsPerUser: settings.BOARDS_PER_USER,
    tokensPerUser: settings.TOKENS_PER_USER,
    membersPerBoard: settings.MEMBERS_PER_BOARD,
    invitesPerBoard: settings.INVITES_PER_BOARD,
    guestDays: settings.GUEST_DAYS,
    itemsPerBoard: settings.ITEMS_PER_BOARD,
    bytesPerBoard: settings.BYTES_PER_BOARD,
    retentionEvents: settings.RETENTION_EVENTS,
    retentionDays: settings.RETENTION_DAYS,
    retentionBytes: settings.RETENTION_BYTES,
  });
}

/** The names that {@link loadConfig} reads. */
export const settingNames = Object.keys(environmentSchema.properties);

function validate(environment: Record<string, string | undefined>): Static<typeof environmentSchema> {
  const given = Object.fromEntries(
    settingNames.flatMap((name) => {
      const value = environment[name]?.trim();
      return value ? [[name, value]] : [];
    }),
  );
  try {
    return envSchema<Static<typeof environmentSchema>>({
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
  if (name === 'BROADCASTS_FROM') return `BROADCASTS_FROM must be viewer, editor or owner, and is '${given[name]}'.`;
  if (name === 'CLIENT_ADDRESS_HEADER') {
    return `CLIENT_ADDRESS_HEADER must be the name of a header field, and is '${given[name]}'.`;
  }
  return `${name} ${fault?.message ?? String(error)}, and is '${given[name]}'.`;
}

function checkUrl(name: string, value: string | undefined, protocols: string[]): void {
  if (value === undefined) return;
  // An address of PostgreSQL may lack the host (postgres://me@/db?host=/run), which no URL may: its driver reads it.
  const isReadable = URL.canParse(value) || /^postgres(ql)?:\/\/[^/?#]*@\//i.test(value);
  if (isReadable && protocols.some((protocol) => value.toLowerCase().startsWith(`${protocol}//`))) return;
  // The value may hold a password: it is not repeated in the message.
  throw new ConfigError(`${name} must be an address that starts with ${protocols.map((p) => `${p}//`).join(' or ')}.`);
}

/** Exactly as a browser writes an origin: one that is written otherwise would match none, and nobody would know why. */
function readOrigins(list: string): readonly string[] {
  const origins = list.split(',').flatMap((part) => part.trim() || []);
  for (const [index, origin] of origins.entries()) {
    const isExact = /^https?:\/\/[^*]+$/.test(origin) && URL.canParse(origin) && new URL(origin).origin === origin;
    if (isExact) continue;
    throw new ConfigError(
      `CORS_ORIGINS must be origins like https://app.example (in lower case, no path, no usual port), separated by ` +
        `commas; number ${index + 1} is none.`,
    );
  }
  return Object.freeze(origins);
}
