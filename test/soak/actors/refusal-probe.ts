// Tries an access that has ended, until it is refused: it must never open a stream again.

import { setTimeout as delay } from 'node:timers/promises';
import type { ReadyBoard } from '../../helpers/board-frames.ts';
import type { Figures } from '../figures.ts';
import type { Random } from '../random.ts';
import { StreamConnection } from '../readers/stream-connection.ts';
import { STREAM } from '../readers/subscription.ts';
import type { Violations } from '../violations.ts';
import type { SoakNode } from '../world/soak-node.ts';
import { type Access, type Ground, refusalOf } from './grounds.ts';

const RETRY_MS = 300;
const SILENCE_MS = 8000;

export interface RefusalProbeOptions {
  /** Who tries, for those who read of it. */
  name: string;
  boardId: string;
  keptBoardIds: string[];
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

/** @returns the status, of the board where that is one of many; and whether it was opened */
async function tryOnce({ boardId, keptBoardIds }: RefusalProbeOptions, access: Access, { port }: SoakNode) {
  let isOpened = false;
  let refused: number | undefined;
  const { headers, ticket, kind } = access;
  const query = new URLSearchParams({
    ...(kind === 'many' && { boards: [boardId, ...keptBoardIds].join() }),
    ...(ticket !== undefined && { ticket }),
  });
  const connection = new StreamConnection({
    port,
    path: `${kind === 'many' ? '' : `/boards/${boardId}`}/events?${query}`,
    headers: { accept: STREAM, ...headers },
    silenceMs: SILENCE_MS,
    onRetry: () => {},
    // A node that cannot look it up says `close`, and the client may come back.
    onFrame: ({ event, data }) => {
      const boards: ReadyBoard[] = JSON.parse(data).boards ?? [];
      refused = boards.find((board) => board.boardId === boardId)?.refused;
      isOpened ||= event !== 'close' && refused === undefined;
      connection.leave(false);
    },
  });
  const { status } = await connection.ended;
  return { status: refused ?? status, isOpened };
}
