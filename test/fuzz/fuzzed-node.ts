// A node to be fuzzed: a process of its own, which can be asked how much it remembers.

import { type NodeProcess, spawnNode } from '../helpers/process.ts';
import type { Teardown } from '../helpers/teardown.ts';
import { until } from '../helpers/until.ts';

/** Collects all garbage when it is sent SIGWINCH, and prints what is left. */
const heapReader = `
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc');
process.on('SIGWINCH', () => {
  collect();
  const { heapUsed, external } = process.memoryUsage();
  process.stdout.write('heap ' + (heapUsed + external) + '\\n');
});`;

export interface FuzzedNode extends NodeProcess {
  /** @returns bytes that are in use after a collection */
  readHeap(): Promise<number>;
}

/** @param environment its database above all; its limits are so high that the requests never meet them */
export async function startFuzzedNode(t: Teardown, environment: Record<string, string>): Promise<FuzzedNode> {
  const node = await spawnNode(t, {
    NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(heapReader)}`,
    ...{
      STREAMS_PER_USER: '1000',
      BROADCASTS_PER_SECOND: '1000000',
      DRAIN_SECONDS: '0',
    },
    ...environment,
  });
  let reads = 0;
  const readHeap = async () => {
    reads += 1;
    node.kill('SIGWINCH');
    const line = await until(() => [...node.output.matchAll(/^heap (\d+)$/gm)][reads - 1], 'the size of the heap');
    return Number(line[1]);
  };
  return Object.assign(node, { readHeap });
}
