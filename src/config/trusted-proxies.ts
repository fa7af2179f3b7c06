// TRUST_PROXY: whose word about a request's client is taken.

import { isIP } from 'node:net';
import { ConfigError } from './config-error.ts';

/** Names of ranges, as proxy-addr has them: of this machine, of a link, of private networks (RFC 1918, RFC 4193). */
const RANGES = ['loopback', 'linklocal', 'uniquelocal'];

/**
 * @param list addresses, ranges in CIDR notation and names of ranges, separated by commas
 * @returns them one by one, as Fastify's `trustProxy` takes them; none: nobody is believed
 * @throws ConfigError at the first that is none of these, or that is everybody
 */
export function readTrustedProxies(list: string): readonly string[] {
  const parts = list.split(',').flatMap((part) => part.trim() || []);
  for (const [index, part] of parts.entries()) {
    if (RANGES.includes(part)) continue;
    const [address = '', prefix, ...rest] = part.split('/');
    const bits = { 0: 0, 4: 32, 6: 128 }[isIP(address)] ?? 0;
    const isRange = prefix === undefined || (/^\d{1,3}$/.test(prefix) && Number(prefix) <= bits);
    if (bits === 0 || address.includes('%') || !isRange || rest.length > 0) {
      throw new ConfigError(
        `TRUST_PROXY must be addresses or ranges (10.0.0.7, 10.0.0.0/8, fd00::/8) or ${RANGES.join(', ')}, separated by ` +
          `commas; number ${index + 1} is '${part}'.`,
      );
    }
    if (prefix !== undefined && Number(prefix) === 0) {
      throw new ConfigError(
        `TRUST_PROXY names everybody by '${part}': each client could say that it is another. Name the proxies.`,
      );
    }
  }
  return Object.freeze(parts);
}
