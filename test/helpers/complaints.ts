// What a node has complained of.

import type { TestNode } from './node.ts';

/** What the driver says when an answer of the database is late. */
const LATE = /connection timeout|timeout exceeded|read timeout/i;

/**
 * @param from how many lines it had logged before
 * @returns the warnings and errors, but for what a machine that stands still for two seconds makes a node complain of: its
 *   connection of LISTEN or NOTIFY, which it gives up for lost, and a database that is late
 */
export function complaintsOf({ logged }: Pick<TestNode, 'logged'>, from = 0): TestNode['logged'] {
  return logged
    .slice(from)
    .filter(({ level, connection, reason }) => Number(level) >= 40 && !connection && !LATE.test(String(reason)));
}
