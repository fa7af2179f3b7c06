// Reads what the kernel knows of this host's TCP connections (Linux: proc_net_tcp in the kernel's documentation).

import { readFile } from 'node:fs/promises';
import { type Socket, SocketAddress } from 'node:net';

/** A connection over which something is on its way: sent, and not acknowledged by the peer. */
export interface BusyConnection {
  /** `<local port> <remote address> <remote port>`, see {@link connectionKey}. */
  key: string;
  /** Bytes that the kernel holds until the peer has acknowledged them. */
  unacknowledged: number;
  /** Retransmissions of data, or probes of a closed window, since the peer's last answer. */
  unanswered: number;
}

/** @returns undefined for a socket that has no peer any more */
export function connectionKey({ localPort, remoteAddress, remotePort }: Partial<Socket>): string | undefined {
  if (localPort === undefined || remoteAddress === undefined || remotePort === undefined) return undefined;
  return `${localPort} ${canonical(remoteAddress)} ${remotePort}`;
}

/**
 * @returns the established connections that wait for the peer; undefined where the kernel does not tell (not Linux)
 * @throws when no file descriptor or memory is left to read it with ({@link isPassing}), or it cannot be understood
 */
export async function readBusyConnections(): Promise<BusyConnection[] | undefined> {
  // A kernel without IPv6 has only the first.
  const [table, table6] = await Promise.all(['/proc/self/net/tcp', '/proc/self/net/tcp6'].map(readTable));
  return table && [...table, ...(table6 ?? [])];
}

const passingErrors = new Set(['EMFILE', 'ENFILE', 'ENOMEM']);

/** @returns undefined when there is no such table, or it may not be read */
async function readTable(path: string): Promise<BusyConnection[] | undefined> {
  const text = await readFile(path, 'latin1').catch((error: NodeJS.ErrnoException) => {
    if (isPassing(error)) throw error;
    return undefined;
  });
  // A table that is no such table is a fault, and not the lack of one.
  return text === undefined ? undefined : parseTcpTable(text);
}

/** @returns true for what keeps one look from seeing anything, and not the next */
export function isPassing(error: unknown): boolean {
  return passingErrors.has((error as NodeJS.ErrnoException).code ?? '');
}

/** Columns: `sl local rem st tx:rx tr:tm retrnsmt uid timeout …`, where `timeout` counts unanswered window probes. */
export function parseTcpTable(text: string): BusyConnection[] {
  const busy: BusyConnection[] = [];
  for (const line of text.split('\n').slice(1)) {
    const [, local, remote, state, queues = '', , retransmissions, , probes] = line.trim().split(/\s+/);
    const unacknowledged = Number.parseInt(queues, 16);
    if (state !== ESTABLISHED || !local || !remote || unacknowledged === 0) continue;
    const [, localPort = ''] = local.split(':');
    const [address = '', port = ''] = remote.split(':');
    const key = connectionKey({
      localPort: Number.parseInt(localPort, 16),
      remoteAddress: decodeAddress(address),
      remotePort: Number.parseInt(port, 16),
    });
    const unanswered = Math.max(Number.parseInt(retransmissions ?? '0', 16), Number(probes ?? 0));
    if (key) busy.push({ key, unacknowledged, unanswered });
  }
  return busy;
}

const ESTABLISHED = '01';

/** 32-bit words in the byte order of the host, which is little-endian wherever Node runs. */
function decodeAddress(hex: string): string {
  const words = hex.match(/.{8}/g) ?? [];
  const bytes = words.flatMap((word) => [...Buffer.from(word, 'hex')].reverse());
  if (bytes.length === 4) return bytes.join('.');
  return Buffer.from(bytes)
    .toString('hex')
    .replace(/(.{4})(?!$)/g, '$1:');
}

/** One spelling for each address; an IPv4 peer of an IPv6 socket is spelled as IPv4. */
function canonical(address: string): string {
  const family = address.includes(':') ? 'ipv6' : 'ipv4';
  return new SocketAddress({ address, family }).address.replace(/^::ffff:(?=\d+\.)/, '');
}
