// How much of what was sent to a peer it has yet to acknowledge, as the kernel knows it.

import type { Socket } from 'node:net';
import { connectionKey, readBusyConnections } from './tcp-table.ts';

/** All who ask within this time share one look at the table, which has a line for each connection of the host. */
const SHARED_FOR_MS = 500;

let look: { at: number; queues: Promise<Map<string, number>> } | undefined;

/** @returns bytes, 0 when nothing is on its way, the kernel does not tell, or its table cannot be read now */
export async function readSendQueue(socket: Socket): Promise<number> {
  const now = performance.now();
  if (!look || now - look.at > SHARED_FOR_MS) look = { at: now, queues: readQueues() };
  const queues = await look.queues;
  return queues.get(connectionKey(socket) ?? '') ?? 0;
}

async function readQueues(): Promise<Map<string, number>> {
  // Whoever looks for vanished clients reads the same table, and tells why it cannot be read.
  const connections = (await readBusyConnections().catch(() => undefined)) ?? [];
  return new Map(connections.map(({ key, unacknowledged }) => [key, unacknowledged]));
}
