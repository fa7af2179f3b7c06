// Whom an address stands for, when attempts are counted by it.

import { isIP } from 'node:net';
import type { FastifyRequest } from 'fastify';
import ipaddr from 'ipaddr.js';

/** Of `::1`, as {@link addressKey} writes it. */
const LOOPBACK_NETWORK = '0:0:0:0';

/** What stands for all who have left: their sockets have no other end any more, whatever Fastify's types say. */
const GONE = '';

/** @param header the field in which a proxy says who its client is, in lower case */
export function clientAddress(request: FastifyRequest, header: string | undefined): string {
  return addressKey(request.ip as string | undefined, header === undefined ? undefined : request.headers[header]);
}

/**
 * @returns false for this machine, whose connections are a proxy's: then nobody has said who the client is; and for a
 *   client that has left
 */
export function isKnownClient(key: string): boolean {
  return key !== GONE && !key.startsWith('127.') && key !== LOOPBACK_NETWORK;
}

/**
 * @param socketAddress the other end of the connection: a proxy, where there is one; undefined when it has left
 * @param named what the header says that the proxy sets to its client's address; undefined when there is none
 * @returns an IPv4 address, or the first half of an IPv6 address: whoever has one has 2^64 of them
 */
export function addressKey(socketAddress: string | undefined, named: string | string[] | undefined): string {
  // Not by ipaddr.js, which takes `0x7f.1` too.
  const text = typeof named === 'string' && isIP(named) ? named : socketAddress;
  if (text === undefined) return GONE;
  const address = ipaddr.process(text);
  if (address instanceof ipaddr.IPv4) return address.toString();
  return address.parts
    .slice(0, 4)
    .map((group) => group.toString(16))
    .join(':');
}
