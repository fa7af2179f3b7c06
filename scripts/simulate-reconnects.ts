// When the streams of a node or of a proxy come back after it has gone, second by second, and how long they wait. What
// docs/scaling.md shows was printed by it; the same seed prints the same.
//
//   node --import tsx scripts/simulate-reconnects.ts deploy --nodes 4 --streams 12000

import { Argument, Command, InvalidArgumentError } from 'commander';
import { simulate, table } from './reconnect-model.ts';

const between = (least: number, most: number) => (text: string) => {
  const value = Number(text);
  if (Number.isInteger(value) && value >= least && value <= most) return value;
  throw new InvalidArgumentError(`must be a whole number from ${least} to ${most}`);
};

const program = new Command()
  .description('Simulates how streams come back.')
  .addArgument(
    new Argument('<event>', 'deploy: a node is drained; killed: a node dies; away: a proxy dies, and returns').choices([
      'deploy',
      'killed',
      'away',
    ]),
  )
  .option('--nodes <count>', 'of them one goes, and the others take its streams', between(1, 1000), 4)
  .option('--streams <count>', 'on each node; for away, on the proxy', between(1, 100_000), 12_000)
  .option('--drain <seconds>', 'DRAIN_SECONDS, for deploy', between(0, 240), 10)
  .option('--gone <seconds>', 'until the proxy or node is there again, for away', between(0, 600), 30)
  .option('--openings <count>', 'that a node opens in a second', between(1, 100_000), 850)
  .option('--seed <number>', 'draws the same again', between(0, 2 ** 31 - 1), 1)
  .parse();

const [event] = program.args as ['deploy' | 'killed' | 'away'];
const options = program.opts<{
  nodes: number;
  streams: number;
  drain: number;
  gone: number;
  openings: number;
  seed: number;
}>();
if (event !== 'away' && options.nodes < 2) program.error('error: with one node nobody takes its streams: see away.');
process.stdout.write(table(simulate({ event, ...options })));
