// What may stand between a client and a node, and breaks what it carries.

import net from 'node:net';
import { startTcpProxy } from '../../helpers/tcp-proxy.ts';
import type { Teardown } from '../../helpers/teardown.ts';
import type { Random } from '../random.ts';
import type { Violations } from '../violations.ts';

/**
 * `slicing`: every byte comes in a packet of its own. `cutting`: the connection is reset after some bytes, in the
 * middle of an event. `swallowing`: after some seconds nothing comes through any more, and nobody is told.
 */
export type ProxyFault = 'slicing' | 'cutting' | 'swallowing';

/** Bytes that are sliced at a time, and how often: a stream of about 4 KB/s. */
const SLICED_BYTES = 20;
const SLICING_MS = 5;
/** By then a node has ended a stream behind which nobody is: 72 s of age, a beat of 2 s, and a pause of 20 s. */
const GHOST_MS = 100_000;

export interface ClientProxyOptions {
  fault: ProxyFault;
  nodePort: number;
  random: Random;
  violations: Violations;
}

export interface ClientProxy {
  port: number;
  /** What it holds to the node behind clients that have gone; they end. */
  dropGhosts(): void;
}

/** Listens on a free port in front of a node, and ends with `t`. */
export async function startClientProxy(
  t: Teardown,
  { fault, nodePort, random, violations }: ClientProxyOptions,
): Promise<ClientProxy> {
  const ghosts = new Set<net.Socket>();
  const connect = () => net.connect(nodePort, '127.0.0.1');
  const { port } = await startTcpProxy(t, connect, (client, node) => {
    client.pipe(node);
    node.on('close', () => client.destroy());
    if (fault === 'slicing') slice(client, node);
    if (fault === 'cutting') cut(client, node, random.whole(300, 40_000));
    if (fault === 'swallowing') {
      swallow(client, node, random.between(2000, 20_000), () => haunt(node, ghosts, violations));
    } else client.on('close', () => node.destroy());
  });
  return {
    port,
    dropGhosts: () => {
      for (const ghost of ghosts) ghost.destroy();
    },
  };
}

function slice(client: net.Socket, node: net.Socket): void {
  const waiting: Buffer[] = [];
  node.on('data', (data: Buffer) => {
    waiting.push(data);
    node.pause();
  });
  const timer = setInterval(() => {
    for (let count = 0; count < SLICED_BYTES; count += 1) {
      const [first] = waiting;
      if (!first) {
        node.resume();
        return;
      }
      client.write(first.subarray(0, 1));
      if (first.length === 1) waiting.shift();
      else waiting[0] = first.subarray(1);
    }
  }, SLICING_MS);
  client.on('close', () => clearInterval(timer));
}

function cut(client: net.Socket, node: net.Socket, bytes: number): void {
  let left = bytes;
  node.on('data', (data: Buffer) => {
    if (client.destroyed) return;
    client.write(data.subarray(0, left));
    left -= data.length;
    // In order, or the client's kernel would throw away what it has not read yet.
    if (left <= 0) client.end();
  });
}

/** Goes on reading, so that the node takes its client for alive: only the age of the stream ends it. */
function swallow(client: net.Socket, node: net.Socket, afterMs: number, onSwallow: () => void): void {
  let swallows = false;
  const timer = setTimeout(() => {
    // Its 'close' has come already, and would be waited for in vain.
    if (node.destroyed) return;
    swallows = true;
    client.unpipe(node);
    onSwallow();
  }, afterMs);
  node.on('data', (data: Buffer) => {
    if (!swallows && !client.destroyed) client.write(data);
  });
  client.on('close', () => {
    clearTimeout(timer);
    if (!swallows) node.destroy();
  });
}

/** A connection that a node holds to nobody. */
function haunt(node: net.Socket, ghosts: Set<net.Socket>, violations: Violations): void {
  ghosts.add(node);
  const overdue = setTimeout(() => {
    violations.add('a client that vanished is gone within the maximum age', `not after ${GHOST_MS / 1000} s`);
  }, GHOST_MS);
  node.on('close', () => {
    clearTimeout(overdue);
    ghosts.delete(node);
  });
}
