// This process and its machine: what streams take of them.

import { readFile } from 'node:fs/promises';
import { totalmem } from 'node:os';
import { adviseOnDescriptors, readDescriptorLimit } from '../http/descriptor-limit.ts';
import type { Report, Warning } from './report.ts';

/** Clients that take nothing, in a network that has a bad moment. */
const STALLED = 1000;

export async function examineNode(report: Report): Promise<void> {
  // An older one does not come here: cli.ts turns it away.
  await report.run('node', async () => `Node ${process.versions.node}`);
}

/** @param streamsPerNode undefined: the setting cannot be read */
export async function examineMachine(report: Report, streamsPerNode: number | undefined): Promise<void> {
  if (streamsPerNode === undefined) await report.skip(['descriptors'], 'the settings cannot be read');
  else await report.run('descriptors', () => lookAtDescriptors(streamsPerNode));
  const kept = await readKeptBytes();
  if (kept === undefined) await report.skip(['tcp memory'], 'this system does not tell');
  else await report.run('tcp memory', async () => judgeKept(kept));
}

async function lookAtDescriptors(streamsPerNode: number): Promise<string | Warning> {
  const descriptors = await readDescriptorLimit();
  if (descriptors === undefined) return 'no limit, or one that this system does not tell';
  const advice = adviseOnDescriptors(descriptors, streamsPerNode);
  const found = `${descriptors} for ${streamsPerNode} streams (STREAMS_PER_NODE), as this command may have`;
  return advice === undefined ? found : { warning: `${found}: ${advice}; of a service, LimitNOFILE.` };
}

/** @returns what Linux keeps at most for a client that has not acknowledged it */
async function readKeptBytes(): Promise<number | undefined> {
  const sizes = await readFile('/proc/sys/net/ipv4/tcp_wmem', 'utf8').catch(() => '');
  const [, most] = /^\d+\s+\d+\s+(\d+)\s*$/.exec(sizes) ?? [];
  return most === undefined ? undefined : Number(most);
}

function judgeKept(keptBytes: number): string | Warning {
  const found = `up to ${mebibytes(keptBytes)} MiB in the kernel for a client that takes nothing (net.ipv4.tcp_wmem)`;
  const limit = process.constrainedMemory();
  // Without a container it is 0, or larger than any machine.
  const isContainer = limit !== undefined && limit > 0 && limit < totalmem();
  if (!isContainer || keptBytes * STALLED <= limit) return found;
  return {
    warning:
      `${found}, which counts as this container's memory (${mebibytes(limit)} MiB): ${STALLED} of them fill it. ` +
      'sysctl -w net.ipv4.tcp_wmem="4096 16384 262144" (docs/memory.md).',
  };
}

const mebibytes = (bytes: number) => Math.round((bytes / 2 ** 20) * 10) / 10;
