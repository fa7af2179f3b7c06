// Runs nodes of Teamboard under load while everything around them breaks, and checks that nothing was lost.
//
//   npm run soak -- --minutes 10 --nodes 3 --seed 7

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Command, InvalidArgumentError } from 'commander';
import { Ends } from '../test/helpers/ends.ts';
import { runSoak } from '../test/soak/run.ts';

const number =
  (least: number, most: number) =>
  (text: string): number => {
    const value = Number(text);
    if (value >= least && value <= most) return value;
    throw new InvalidArgumentError(`must be between ${least} and ${most}`);
  };

const program = new Command('soak')
  .description('Runs nodes under load while everything around them breaks, and checks that nothing was lost.')
  .option('--minutes <number>', 'how long faults come', number(0.1, 1440), 10)
  .option('--nodes <number>', 'how many nodes', number(1, 10), 3)
  .option('--seed <number>', 'draws the same faults again', number(0, 2 ** 32 - 1), Date.now() % 100_000)
  .parse();
const { minutes, nodes, seed } = program.opts<{ minutes: number; nodes: number; seed: number }>();

// Every server that is started, and there are many, is killed when this process exits.
process.setMaxListeners(0);
const interrupted = new AbortController();
const ends = new Ends();
let hasHeld = false;
const folder = await mkdtemp(join(tmpdir(), 'teamboard-soak-'));

const interrupt = () => {
  if (interrupted.signal.aborted) process.exit(130);
  interrupted.abort();
  console.log('\nEnding: what is broken is mended first. Once more: at once.');
};
process.on('SIGINT', interrupt);
process.on('SIGTERM', interrupt);

try {
  const options = { minutes, nodeCount: Math.floor(nodes), seed: Math.floor(seed), folder };
  hasHeld = await runSoak(ends, options, interrupted.signal);
} catch (error) {
  console.error(error);
  console.error(`The soak itself has failed. The logs are in ${folder}.`);
} finally {
  await ends.run();
}
if (hasHeld || interrupted.signal.aborted) await rm(folder, { recursive: true, force: true });
process.exit(interrupted.signal.aborted ? 130 : hasHeld ? 0 : 1);
