// What each setting means: the words of docs/settings.md, and of `teamboard --help`.

import { Help } from 'commander';
import { type SettingName, settingDefaults } from './settings.ts';

export interface SettingDescription {
  /** Those that are told together. */
  names: SettingName[];
  /** What holds without it, where it has no default. */
  unset?: string;
  /** In Markdown, in one line. */
  meaning: string;
}

export const settingDescriptions: SettingDescription[] = [
  {
    names: ['PORT', 'HOST'],
    meaning: 'where to listen; `HOST=::` for all addresses',
  },
  {
    names: ['DATABASE_URL'],
    unset: 'none: an embedded PostgreSQL in `DATA_DIR`',
    meaning:
      'the database, PostgreSQL 15 to 18; an older one, or one with the schema of a later version of Teamboard, is refused at the start',
  },
  {
    names: ['DATABASE_DIRECT_URL'],
    unset: '`DATABASE_URL`',
    meaning: 'the same database past a pooler, for LISTEN, NOTIFY and migrations',
  },
  {
    names: ['DATABASE_SCHEMA'],
    meaning:
      'the schema that has all that is ours in that database, and is made when there is none: 1 to 20 lower-case letters, digits and `_`. See [A database that is shared](writing-with-sql.md#a-database-that-is-shared)',
  },
  {
    names: ['REDIS_URL'],
    unset: 'none: the registry lives in the process',
    meaning:
      'which node holds which stream: see [Two nodes, with Redis](redis.md); Redis 7.0 or newer, or Valkey, or several addresses of a Redis Cluster; needed with two nodes',
  },
  {
    names: ['REDIS_PREFIX'],
    meaning: 'begins every key in Redis; another for each installation that shares one',
  },
  {
    names: ['DATA_DIR'],
    meaning:
      'the folder of the embedded database. With `NODE_ENV=production`, and for `teamboard migrate`, it is used only when this is set. Started by root, it runs as a user of its own (a uid from 60706), whom its files belong to. One process uses it at a time, and a second one is refused, also in another container on the same volume; after a run in a container that was killed, the start looks for 7 s whether that still lives, and waits up to 90 s for a server that it left behind',
  },
  {
    names: ['PUBLIC_URL'],
    unset: 'from the request',
    meaning:
      "the address by which browsers come, and of links; `https:` makes cookies Secure, and takes only those named `__Host-tb_session`. It may have a path (`https://example.org/teamboard`), which the proxy in front has to take off ([how](proxies.md#below-a-path)): `Location`, links and the cookie's path begin with it, the cookie is named `__Secure-tb_session`, and there is no `Strict-Transport-Security`",
  },
  {
    names: ['CORS_ORIGINS'],
    unset: 'none',
    meaning:
      'origins whose pages may use this server as its own pages may, separated by commas: `https://app.example`. Compared by what they name: case, usual ports and other spellings make no difference',
  },
  {
    names: ['JWT_ISSUERS'],
    unset: 'none',
    meaning: "applications whose JWTs are good: see [Your application's own users](jwt.md)",
  },
  {
    names: ['JWT_COOKIE'],
    unset: 'none: `Authorization` only',
    meaning:
      "the name of the cookie in which the application's pages send their JWT: see [In a cookie](jwt.md#in-a-cookie)",
  },
  {
    names: ['RAILS_SECRET_KEY_BASE', 'RAILS_COOKIE'],
    unset: 'none',
    meaning:
      'the `secret_key_base` of a Rails application, and the name of its session cookie (`_myapp_session`), by which its users are known here: see [The session of Rails](jwt.md#the-session-of-rails)',
  },
  {
    names: ['AUTH_URL'],
    unset: 'none',
    meaning:
      "the address at which the application says who is calling, by the request's `Cookie` and `Authorization`: see [By asking the application](jwt.md#by-asking-the-application)",
  },
  {
    names: ['AUTH_RECHECK_SECONDS', 'AUTH_GRACE_SECONDS'],
    meaning:
      'how often it is asked again about those who have a stream open; and how long they stay while it does not answer, when nobody new gets in',
  },
  {
    names: ['TRUST_PROXY'],
    unset: 'none: nobody is believed',
    meaning:
      'the proxies in front: addresses, ranges (`10.0.0.0/8`), `loopback`, `linklocal`, `uniquelocal` (private networks), separated by commas. What they say in `X-Forwarded-For`, `X-Forwarded-Proto` and `X-Forwarded-Host` is believed: of the client, for limits and the log; of the address by which browsers come, where `PUBLIC_URL` does not say it. From anybody else these fields change nothing. See [Behind a proxy](proxies.md)',
  },
  {
    names: ['LOG_LEVEL'],
    meaning: 'fatal, error, warn, info, debug, trace or silent; JSON lines, readable when the output is a terminal',
  },
  {
    names: ['LOG_REQUESTS_PER_SECOND'],
    meaning:
      'how many requests have a line in the log in a second, with bursts of twice as many; how many had none is told now and then. 0: none has. See [The log](operations.md#the-log)',
  },
  {
    names: ['METRICS_PORT', 'METRICS_TOKEN'],
    unset: 'none: no metrics',
    meaning:
      'where Prometheus finds `GET /metrics`: on a port of its own, at `HOST`, or on `PORT`, for whoever sends the token (`Authorization: Bearer`, 16 characters at least); with both, on both with the token. See [Operations](operations.md)',
  },
  {
    names: ['HEARTBEAT_SECONDS'],
    meaning: 'how often each stream gets a heartbeat',
  },
  {
    names: ['STREAM_MAX_AGE_MINUTES'],
    meaning: 'a stream older than this, ± 20 %, is closed as `rotated`',
  },
  {
    names: ['DRAIN_SECONDS'],
    meaning:
      'over how long SIGTERM spreads the end of the open streams. So long the port stays open, and new streams are sent elsewhere; less, if no stream is left, somebody was told by `/readyz` (503) and no request came for 2 s. SIGINT ends all at once',
  },
  {
    names: ['PRESENCE_HANDOVER_SECONDS'],
    meaning:
      'how long a user is waited for who has closed the last stream on a board, before the others are told; a browser that has lost its stream is back within 3 s',
  },
  {
    names: ['STREAMS_PER_USER', 'STREAMS_PER_BOARD', 'STREAMS_PER_NODE'],
    meaning:
      "open streams on one node, which counts for itself; past the first the answer is 429, past the others `close` (`busy`). Guests, and accounts in their first day, have together a tenth of a node from one address, unless it is this machine's",
  },
  {
    names: ['ACCOUNTS_PER_MINUTE'],
    meaning:
      'how many accounts one address (of IPv6: one /64) may make, on all nodes together where there is a Redis; 429 past it. Behind a proxy that `TRUST_PROXY` does not name all clients are one address',
  },
  {
    names: ['SIGN_INS_PER_MINUTE', 'OPENINGS_PER_MINUTE', 'LOOKUPS_PER_MINUTE'],
    meaning:
      "what else one address may do in a minute: attempts to sign in; streams that guests, and accounts in their first day, open (past it `close`, `busy`); invites that strangers look at. Counted in the same way; not of this machine's own address, which is a proxy's",
  },
  {
    names: ['WRITES_PER_SECOND'],
    meaning: 'how many writes of one user a node takes, with bursts of twice as many: see [Limits](limits.md)',
  },
  {
    names: ['BROADCASTS_PER_SECOND'],
    meaning: 'the same for broadcasts, which are counted apart',
  },
  {
    names: ['BROADCASTS_FROM'],
    meaning: 'the least role that may broadcast: viewer, editor or owner',
  },
  {
    names: ['WAITING_BYTES_PER_NODE'],
    meaning: 'bytes that a node may have waiting for its clients: see [Memory](memory.md)',
  },
  {
    names: ['BOARDS_PER_USER', 'TOKENS_PER_USER', 'MEMBERS_PER_BOARD', 'INVITES_PER_BOARD'],
    meaning: 'how much one may have: see [Limits](limits.md)',
  },
  {
    names: ['WEBHOOKS_PER_BOARD', 'WEBHOOK_ALLOW_PRIVATE'],
    meaning:
      'how many [webhooks](webhooks.md) a board may have; 0: none. And whether they may lead to this machine and the network around it, also by `http:`: `true` only where everybody who can make a board may reach all of that',
  },
  {
    names: ['GUEST_DAYS'],
    meaning:
      'how old the account of a guest must be to be removed, when it has no session, no token and no board that others are on',
  },
  {
    names: ['ITEMS_PER_BOARD', 'BYTES_PER_BOARD'],
    meaning: 'what one board may hold: see [Limits](limits.md)',
  },
  {
    names: ['RETENTION_EVENTS', 'RETENTION_DAYS', 'RETENTION_BYTES'],
    meaning:
      "an event is trimmed when it is past the first two, so many newer ones on its board and so many days; or past the third, so many bytes of its board's log, with the texts and data that came with its events",
  },
  {
    names: ['RING_BYTES_PER_BOARD', 'RING_BYTES_PER_NODE'],
    meaning: 'recent frames that a node keeps, so that many who reconnect at once need not read from PostgreSQL',
  },
];

/** @returns their defaults, as docs/settings.md shows them */
export function defaultsOf({ names, unset }: SettingDescription): string {
  return unset ?? names.map((name) => settingDefaults[name]).join(', ');
}

/** @param columns that a line may have */
export function settingsHelp(columns: number): string {
  const help = new Help();
  const plain = (text: string) => text.replaceAll('`', '').replace(/\[[^\]]*\]\(([^)]*)\)/g, 'docs/$1');
  return settingDescriptions
    .map((setting) => {
      const heading = `  ${setting.names.join(', ')} (${plain(defaultsOf(setting))})`;
      const meaning = help.boxWrap(plain(setting.meaning), Math.max(40, columns - 6));
      return [heading, ...meaning.split('\n').map((line) => `      ${line}`)].join('\n');
    })
    .join('\n');
}
