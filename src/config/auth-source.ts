// AUTH_URL: where the application says who is calling.

import { ConfigError } from './config-error.ts';
import type { Settings } from './settings.ts';

/** Of this machine, of a private network, or a name that only such a one knows. */
const OWN_HOST =
  /^(localhost|127\.[\d.]+|10\.[\d.]+|192\.168\.[\d.]+|172\.(1[6-9]|2\d|3[01])\.[\d.]+|\[::1\]|\[f[cd][\da-f:]+\]|[\w-]+|.+\.internal)$/;

export interface AuthSource {
  url: URL;
  /** How often it is asked again about those who have a stream open. */
  recheckMs: number;
  /** How long they stay while it is away. */
  graceMs: number;
}

/** @throws ConfigError that does not repeat the address, in which a secret may stand */
export function readAuthSource(
  { AUTH_URL, AUTH_RECHECK_SECONDS, AUTH_GRACE_SECONDS }: Settings,
  given: ReadonlySet<string>,
): AuthSource | undefined {
  if (AUTH_URL === undefined) {
    const alone = ['AUTH_RECHECK_SECONDS', 'AUTH_GRACE_SECONDS'].find((name) => given.has(name));
    if (alone === undefined) return undefined;
    throw new ConfigError(`${alone} is set without AUTH_URL: name the address at which the application is asked.`);
  }
  const url = URL.canParse(AUTH_URL) ? new URL(AUTH_URL) : undefined;
  // Who answers in its place makes users, and who listens gets their cookies.
  if (url?.protocol !== 'https:' && !(url?.protocol === 'http:' && OWN_HOST.test(url.hostname))) {
    throw new ConfigError(
      'AUTH_URL must be an https:// address (http:// for this machine and private networks only): users come by it.',
    );
  }
  if (url.username || url.password || url.hash) {
    throw new ConfigError('AUTH_URL must be an address without user, password and fragment.');
  }
  return Object.freeze({ url, recheckMs: AUTH_RECHECK_SECONDS * 1000, graceMs: AUTH_GRACE_SECONDS * 1000 });
}
