// Tries an access that has ended, until it is refused: it must never open a stream again.

import { setTimeout as delay } from 'node:timers/promises';
import type { Figures } from './figures.ts';
import { type Access, type Ground, refusalOf } from './grounds.ts';
import { streamRequest } from './guest-stream.ts';
import type { Random } from './random.ts';
import type { SoakNode } from './soak-node.ts';
import { StreamConnection } from './stream-connection.ts';
import type { Violations } from './violations.ts';

const RETRY_MS = 300;
const SILENCE_MS = 8000;

export interface RefusalProbeOptions {
  /** Who tries, for those who read of it. */
  name: string;
  boardId: string;
  nodes: SoakNode[];
  random: Random;
  figures: Figures;
  violations: Violations;
}

/** Resolves when a node has refused it, which none can while the database is away. */
export async function proveRefused(options: RefusalProbeOptions, access: Access, ended: Ground): Promise<void> {
  const { name, nodes, random, figures, violations } = options;
  const expected = refusalOf(access, ended);
  for (;;) {
    const node = random.pick(nodes);
    const { status, isOpened } = await tryOnce(options, access, node);
    if (isOpened || (status !== undefined && status !== 200)) {
      figures.count('refusals', isOpened ? 'opened' : String(status));
      if (isOpened || status !== expected) {
        const detail = `${name} at node ${node.index}, by ${access.by} after the end of the ${ended.kind}`;
        violations.add('what has ended opens no stream', `${detail}: ${isOpened ? 'opened' : status}, not ${expected}`);
      }
      return;
    }
    await delay(RETRY_MS);
  }
}

async function tryOnce({ boardId }: RefusalProbeOptions, access: Access, { port }: SoakNode) {
  let isOpened = false;
  const connection = new StreamConnection({
    port,
    ...streamRequest(access, boardId),
    silenceMs: SILENCE_MS,
    onRetry: () => {},
    // A node that cannot look it up says `close`, and the client may come back.
    onFrame: ({ event }) => {
      isOpened ||= event !== 'close';
      connection.leave(false);
    },
  });
  const { status } = await connection.ended;
  return { status, isOpened };
}
