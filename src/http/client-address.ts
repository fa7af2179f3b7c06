// Whom an address stands for, when attempts are counted by it.

import { isIP } from 'node:net';
import type { FastifyRequest } from 'fastify';
import ipaddr from 'ipaddr.js';

/** Of `::1`, as {@link addressKey} writes it. */
const LOOPBACK_NETWORK = '0:0:0:0';

/** What stands for all who have left: their sockets have no other end any more, whatever Fastify's types say. */
const GONE = '';

type Addresses = Pick<FastifyRequest, 'ip' | 'ips'>;

/** @returns what the client is counted by: see {@link addressKey} */
export function clientAddress(request: Addresses): string {
  return addressKey(addressOf(request));
}

/**
 * Where TRUST_PROXY is set, Fastify goes from the other end of the connection outwards through `X-Forwarded-For`, as far
 * as each is trusted. What is no address there was said by a trusted proxy that passes on what its client has sent: the
 * proxy stands for that client.
 *
 * @returns undefined when the client has left
 */
export function addressOf({ ip, ips }: Addresses): string | undefined {
  const [nearest, ...others] = ips ?? [ip];
  // Not by ipaddr.js, which takes `0x7f.1` too.
  const end = others.findIndex((address) => isIP(address) === 0);
  return (end < 0 ? others : others.slice(0, end)).at(-1) ?? nearest;
}

/**
 * @returns false for this machine, whose connections are a proxy's: then nobody has said who the client is; and for a
 *   client that has left
 */
export function isKnownClient(key: string): boolean {
  return key !== GONE && !key.startsWith('127.') && key !== LOOPBACK_NETWORK;
}

/**
 * @param address undefined when the client has left
 * @returns an IPv4 address, or the first half of an IPv6 address: whoever has one has 2^64 of them
 */
export function addressKey(address: string | undefined): string {
  if (address === undefined) return GONE;
  const parsed = ipaddr.process(address);
  if (parsed instanceof ipaddr.IPv4) return parsed.toString();
  return parsed.parts
    .slice(0, 4)
    .map((group) => group.toString(16))
    .join(':');
}
