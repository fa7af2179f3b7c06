// What a run of the fuzz has found, in words: the requests, the others, the node.

import type { FuzzResult, Violation } from './fuzz.ts';

/** What others may wait while the requests are made: so many times as long as alone, and so long in any case. */
const SLOWER = 25;
const SLOW_MS = 500;
/** What the caches of a node may take on the way from a third of the run to its end. */
const GROWTH_BYTES = 24 * 2 ** 20;
const ERROR_LEVEL = 50;

/** @param logged what the node has logged @returns each violation with the smallest request that shows it */
export function findFaults(result: FuzzResult, logged: ReadonlyArray<Record<string, unknown>>): string[] {
  const { violations, waits, bystanderFaults, heap } = result;
  const { alone, meanwhile } = waits;
  const faults = violations.map(describe);
  if (meanwhile.p99 > Math.max(SLOW_MS, alone.p99 * SLOWER)) {
    faults.push(`others wait no longer: p99 ${meanwhile.p99.toFixed(1)} ms, alone ${alone.p99.toFixed(1)} ms`);
  }
  if (bystanderFaults.length > 0) faults.push(`others are served: ${bystanderFaults.slice(0, 5).join(', ')}`);
  if (heap.after - heap.before > GROWTH_BYTES) {
    faults.push(`memory is flat: ${heap.before} bytes after a third of the run, ${heap.after} at its end`);
  }
  const errors = logged.filter(({ level }) => Number(level) >= ERROR_LEVEL);
  if (errors.length > 0) faults.push(`no node logs an error: ${JSON.stringify(errors[0]).slice(0, 1500)}`);
  return faults;
}

function describe({ rule, operation, detail, count, requests }: Violation): string {
  const drawn = requests.map((request) => JSON.stringify(request)).join('\n    ');
  return `${rule}: ${operation}, ${count} times\n  ${detail}\n  smallest:\n    ${drawn.slice(0, 3000)}`;
}
