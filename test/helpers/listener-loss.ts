// How a node's listener loses its connection, as the node's log has it.

import type { TestNode } from './node.ts';
import { until } from './until.ts';

/** How often a dedicated connection of the node was lost, or came back. */
export function countLogged(
  { logged }: Pick<TestNode, 'logged'>,
  message: 'connection lost' | 'connection is back',
  connection: 'listener' | 'notifier',
): number {
  return logged.filter((line) => line.msg === message && line.connection === connection).length;
}

/** Waits until the node has noticed that its connection is of no use, and has another one. @returns the ms it took */
export async function listenerIsBack(node: TestNode): Promise<number> {
  const startedAt = performance.now();
  await until(() => countLogged(node, 'connection is back', 'listener') > 0, 'the listener to be back');
  return Math.round(performance.now() - startedAt);
}
