// Which addresses a webhook may lead to: whoever makes one has this server send requests, and must reach nothing by it that
// they could not reach themselves.

import { Resolver } from 'node:dns/promises';
import { isIP, type LookupFunction } from 'node:net';
import ipaddr from 'ipaddr.js';

/** Of one name. A thread of `getaddrinfo` waits longer, and there are four, which hash passwords as well. */
const ANSWER_MS = 2000;
const TRIES = 2;

/** All global unicast addresses of IPv6 that were given out (RFC 4291, 2.4). */
const globalUnicast = ipaddr.IPv6.parseCIDR('2000::/3');

/**
 * @param address an IP address
 * @returns false for all that is of this machine, of a network of its own, of a translation between the two families, of
 *   many at once, or reserved
 */
export function isPublic(address: string): boolean {
  // Before it is parsed: `1.2.3` is one to a parser, and no address.
  if (isIP(address) === 0) return false;
  const parsed = ipaddr.process(address);
  if (parsed.range() !== 'unicast') return false;
  return parsed.kind() === 'ipv4' || (parsed as ipaddr.IPv6).match(globalUnicast);
}

/** @returns the addresses of a name. @throws Error with a code of DNS */
export type Resolve = (name: string) => Promise<string[]>;

/** By DNS alone: what stands in this machine's own files is nobody's to ask for. */
export function createResolve(): Resolve {
  const resolver = new Resolver({ timeout: ANSWER_MS, tries: TRIES });
  return async (name) => {
    const answers = await Promise.allSettled([resolver.resolve4(name), resolver.resolve6(name)]);
    const addresses = answers.flatMap((answer) => (answer.status === 'fulfilled' ? answer.value : []));
    if (addresses.length === 0) throw (answers[0] as PromiseRejectedResult).reason ?? new Error('no address');
    return addresses;
  };
}

/** Thrown in place of a connection. */
export class NotPublicError extends Error {
  readonly code = 'NOT_PUBLIC';

  constructor() {
    super('it leads to an address that is not public');
  }
}

/**
 * For a socket, which connects to what this returns and to nothing else: a name that resolves anew is looked at anew.
 */
export function createPublicLookup(resolve: Resolve): LookupFunction {
  return (name, options, callback) => {
    resolve(name).then(
      (found) => {
        const family = options.family === 'IPv4' ? 4 : options.family === 'IPv6' ? 6 : options.family;
        const addresses = found
          .filter(isPublic)
          .map((address) => ({ address, family: isIP(address) }))
          .filter((each) => !family || each.family === family);
        const [first] = addresses;
        if (!first) callback(new NotPublicError(), '', 0);
        else if (options.all) callback(null, addresses);
        else callback(null, first.address, first.family);
      },
      (error: NodeJS.ErrnoException) => callback(error, '', 0),
    );
  };
}
