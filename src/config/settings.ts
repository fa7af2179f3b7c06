// The settings: their names, what each may be, and what it is when nobody sets it.

import { type Static, Type } from 'typebox';

const whole = (minimum: number, maximum: number, fallback: number) =>
  Type.Integer({ minimum, maximum, default: fallback });

/** RFC 6265, 4.1.1. */
const cookieName = Type.String({ pattern: "^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,100}$" });

export const environmentSchema = Type.Object({
  PORT: whole(0, 65_535, 3000),
  HOST: Type.String({ default: '127.0.0.1' }),
  DATABASE_URL: Type.Optional(Type.String()),
  DATABASE_DIRECT_URL: Type.Optional(Type.String()),
  // With what follows it, the name of a board's channel has 63 bytes at most, which is what PostgreSQL takes.
  DATABASE_SCHEMA: Type.String({
    default: 'teamboard',
    pattern: '^(?!pg_|(information_schema|public)$)[a-z_][a-z0-9_]{0,19}$',
  }),
  REDIS_URL: Type.Optional(Type.String()),
  REDIS_PREFIX: Type.String({ pattern: '^[A-Za-z0-9._:-]{1,64}$', default: 'teamboard' }),
  DATA_DIR: Type.String({ default: '.data' }),
  PUBLIC_URL: Type.Optional(Type.String()),
  CORS_ORIGINS: Type.Optional(Type.String()),
  JWT_ISSUERS: Type.Optional(Type.String()),
  JWT_COOKIE: Type.Optional(cookieName),
  RAILS_SECRET_KEY_BASE: Type.Optional(Type.String()),
  RAILS_COOKIE: Type.Optional(cookieName),
  AUTH_URL: Type.Optional(Type.String()),
  AUTH_RECHECK_SECONDS: whole(1, 3600, 30),
  AUTH_GRACE_SECONDS: whole(0, 86_400, 300),
  TRUST_PROXY: Type.Optional(Type.String()),
  LOG_LEVEL: Type.Union(
    ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'].map((level) => Type.Literal(level)),
    { default: 'info' },
  ),
  LOG_REQUESTS_PER_SECOND: whole(0, 1_000_000, 50),
  METRICS_PORT: Type.Optional(Type.Integer({ minimum: 1, maximum: 65_535 })),
  METRICS_TOKEN: Type.Optional(Type.String({ pattern: '^[!-~]{16,200}$' })),
  HEARTBEAT_SECONDS: whole(1, 60, 15),
  STREAM_MAX_AGE_MINUTES: whole(1, 1440, 30),
  DRAIN_SECONDS: whole(0, 240, 10),
  PRESENCE_HANDOVER_SECONDS: whole(0, 60, 3),
  STREAMS_PER_USER: whole(1, 1_000_000, 50),
  STREAMS_PER_BOARD: whole(1, 1_000_000, 10_000),
  STREAMS_PER_NODE: whole(1, 1_000_000, 15_000),
  ACCOUNTS_PER_MINUTE: whole(1, 1_000_000, 60),
  SIGN_INS_PER_MINUTE: whole(1, 1_000_000, 300),
  OPENINGS_PER_MINUTE: whole(1, 1_000_000, 3000),
  LOOKUPS_PER_MINUTE: whole(1, 1_000_000, 300),
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
  WEBHOOKS_PER_BOARD: whole(0, 1_000_000, 10),
  WEBHOOK_ALLOW_PRIVATE: Type.Boolean({ default: false }),
  GUEST_DAYS: whole(1, 36_500, 30),
  ITEMS_PER_BOARD: whole(1, 10_000_000, 20_000),
  BYTES_PER_BOARD: whole(1, 2 ** 40, 64 * 1024 * 1024),
  RETENTION_EVENTS: whole(1, Number.MAX_SAFE_INTEGER, 10_000),
  RETENTION_DAYS: whole(0, 36_500, 30),
  RETENTION_BYTES: whole(1024 * 1024, 2 ** 50, 256 * 1024 * 1024),
});

/** The names that are read from the environment. */
export const settingNames = Object.keys(environmentSchema.properties);

export type SettingName = keyof typeof environmentSchema.properties;

export const settingDefaults: Readonly<Partial<Record<SettingName, unknown>>> = Object.fromEntries(
  Object.entries(environmentSchema.properties).map(([name, schema]) => [
    name,
    'default' in schema ? schema.default : undefined,
  ]),
);

export type Settings = Static<typeof environmentSchema>;
