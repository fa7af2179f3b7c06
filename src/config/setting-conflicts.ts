// Settings that contradict each other.

import { ConfigError } from './config-error.ts';
import type { Settings } from './settings.ts';

/** What cannot be more than what: a limit that no one can reach was meant otherwise. */
const withinEachOther: Array<[part: keyof Settings, whole: keyof Settings]> = [
  ['STREAMS_PER_USER', 'STREAMS_PER_NODE'],
  ['STREAMS_PER_BOARD', 'STREAMS_PER_NODE'],
  ['RING_BYTES_PER_BOARD', 'RING_BYTES_PER_NODE'],
];

/** Streams end up to so much before their age is reached. */
const AGE_SPREAD = 0.2;

/**
 * Only what somebody has set contradicts: a default gives way to what was set beside it.
 *
 * @param given the names of those that were set
 * @throws ConfigError that names both
 */
export function refuseConflicts(settings: Settings, given: ReadonlySet<string>): void {
  for (const [part, whole] of withinEachOther) {
    if (!given.has(part) || !given.has(whole) || Number(settings[part]) <= Number(settings[whole])) continue;
    throw new ConfigError(
      `${part} (${settings[part]}) is above ${whole} (${settings[whole]}): lower the first, or raise the second.`,
    );
  }
  const shortestAge = settings.STREAM_MAX_AGE_MINUTES * 60 * (1 - AGE_SPREAD);
  if (settings.HEARTBEAT_SECONDS >= shortestAge) {
    throw new ConfigError(
      `HEARTBEAT_SECONDS (${settings.HEARTBEAT_SECONDS}) is more than the age of a stream, which is ` +
        `STREAM_MAX_AGE_MINUTES (${settings.STREAM_MAX_AGE_MINUTES}) less a fifth: lower the first, or raise the second.`,
    );
  }
  if (settings.METRICS_PORT === settings.PORT) {
    throw new ConfigError('METRICS_PORT is PORT: take another one, or METRICS_TOKEN without it.');
  }
  if (settings.JWT_COOKIE !== undefined && settings.JWT_ISSUERS === undefined) {
    throw new ConfigError('JWT_COOKIE is set without JWT_ISSUERS: name the application whose JWTs are good.');
  }
  for (const name of ['JWT_COOKIE', 'RAILS_COOKIE'] as const) {
    if (!/^(__Host-|__Secure-)?tb_session$/.test(settings[name] ?? '')) continue;
    throw new ConfigError(`${name} is the name of this server's own session: take another one.`);
  }
  if (settings.JWT_COOKIE !== undefined && settings.JWT_COOKIE === settings.RAILS_COOKIE) {
    throw new ConfigError('JWT_COOKIE and RAILS_COOKIE are one name: each is a cookie of its own.');
  }
  const address = settings.PUBLIC_URL && new URL(settings.PUBLIC_URL);
  if (address && (address.username || address.password || address.search || address.hash)) {
    throw new ConfigError(
      'PUBLIC_URL must be an address without user, password, query and fragment: links go on after it.',
    );
  }
  // A cookie's path ends at a semicolon.
  if (address && /;|\/\/./.test(address.pathname)) {
    throw new ConfigError('PUBLIC_URL must have a path without a semicolon and without an empty part.');
  }
}
