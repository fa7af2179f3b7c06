// Sends drawn requests to every operation of a node's OpenAPI document, and checks what comes back.
//
//   npm run fuzz -- --requests 20000 --seed 7

import { Command, InvalidArgumentError } from 'commander';
import { type FuzzResult, fuzz } from '../test/fuzz/fuzz.ts';
import { startFuzzedNode } from '../test/fuzz/fuzzed-node.ts';
import { findFaults } from '../test/fuzz/verdict.ts';
import { Ends } from '../test/helpers/ends.ts';
import { startPrivatePostgres } from '../test/helpers/private-postgres.ts';

const whole = (text: string): number => {
  const value = Number(text);
  if (Number.isInteger(value) && value >= 0 && value < 2 ** 31) return value;
  throw new InvalidArgumentError('must be a whole number');
};

const program = new Command('fuzz')
  .description('Sends drawn requests to every operation of the OpenAPI document, and checks what comes back.')
  .option('--requests <number>', 'how many', whole, 20_000)
  .option('--seed <number>', 'draws the same requests again', whole, Date.now() % 100_000)
  .parse();
const { requests, seed } = program.opts<{ requests: number; seed: number }>();

const ends = new Ends();
const interrupt = () => void ends.run().then(() => process.exit(130));
process.once('SIGINT', interrupt);
process.once('SIGTERM', interrupt);
let faults: string[] = [];
try {
  const postgres = await startPrivatePostgres(ends);
  const node = await startFuzzedNode(ends, { DATABASE_URL: postgres.url });
  const startedAt = performance.now();
  const result = await fuzz({
    ...{ url: node.url, requests, seed, readHeap: node.readHeap },
    onViolation: ({ rule, operation, detail }) => console.log(`found: ${rule} (${operation}): ${detail}`),
  });
  faults = findFaults(result, node.logged);
  print(result, (performance.now() - startedAt) / 1000);
} catch (error) {
  console.error(error);
  faults = ['the fuzz itself has failed'];
} finally {
  await ends.run();
}
for (const fault of faults) console.log(`\n${fault}`);
console.log(faults.length === 0 ? `\nHOLDS: seed ${seed}.` : `\nFAILED: ${faults.length} violations, seed ${seed}.`);
process.exit(faults.length === 0 ? 0 : 1);

function print({ requests: sent, statuses, waits, heap }: FuzzResult, seconds: number): void {
  const counts = [...statuses].sort(([a], [b]) => a - b).map(([status, count]) => `${status} ${count}`);
  const { alone, meanwhile } = waits;
  console.log(`${sent} requests in ${seconds.toFixed(0)} s: ${counts.join(', ')}`);
  console.log(
    `others wait, ms: p50 ${alone.p50.toFixed(1)}, p99 ${alone.p99.toFixed(1)} alone; ` +
      `p50 ${meanwhile.p50.toFixed(1)}, p99 ${meanwhile.p99.toFixed(1)}, max ${meanwhile.max.toFixed(0)} meanwhile`,
  );
  const mebibytes = (bytes: number) => (bytes / 2 ** 20).toFixed(1);
  console.log(`heap, MiB: ${mebibytes(heap.before)} after a third, ${mebibytes(heap.after)} at the end`);
}
