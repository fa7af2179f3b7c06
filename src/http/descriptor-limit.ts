// How many file descriptors this process may have, and how many of them are for clients.

import { readFile } from 'node:fs/promises';

/** Descriptors that are not clients': three pools, three dedicated connections, Redis, the log, files. */
const RESERVE = 100;

/** @returns undefined where the system does not tell (not Linux), or has no limit */
export async function readDescriptorLimit(): Promise<number | undefined> {
  const limits = await readFile('/proc/self/limits', 'utf8').catch(() => '');
  const [, soft] = /^Max open files\s+(\d+)/m.exec(limits) ?? [];
  return soft === undefined ? undefined : Number(soft);
}

/** @returns how many clients may be connected by so many descriptors */
export function connectionsOf(descriptors: number): number {
  return Math.max(1, descriptors - RESERVE);
}

/** @returns what to do; undefined: there is one for each stream */
export function adviseOnDescriptors(descriptors: number, streamsPerNode: number): string | undefined {
  if (connectionsOf(descriptors) >= streamsPerNode) return undefined;
  const cure = `raise it (ulimit -n ${streamsPerNode + RESERVE}) or lower STREAMS_PER_NODE`;
  return `fewer file descriptors than streams may need: ${cure}`;
}
