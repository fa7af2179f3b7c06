// Whom an address stands for, when attempts are counted by it.

import { isIP } from 'node:net';
import type { FastifyRequest } from 'fastify';

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
  const address = typeof named === 'string' && isIP(named) ? named : (socketAddress ?? GONE);
  const [, mapped] = /^::ffff:([\d.]+)$/i.exec(address) ?? [];
  if (mapped !== undefined) return mapped;
  return isIP(address) === 6 ? firstHalf(address) : address;
}

/** The first four of the eight groups, as `2001:db8:0:1`. */
function firstHalf(address: string): string {
  // As RFC 5952 writes it: no leading zeros, lower case, and no dotted IPv4 at its end.
  const text = new URL(`http://[${address.replace(/%.*/, '')}]`).hostname.slice(1, -1);
  const [head = '', tail] = text.split('::');
  const groups = head === '' ? [] : head.split(':');
  const behind = tail ? tail.split(':').length : 0;
  while (tail !== undefined && groups.length + behind < 8) groups.push('0');
  return [...groups, ...(tail ? tail.split(':') : [])].slice(0, 4).join(':');
}
