// A board as a node has it open, for tests that do to it what nothing but a fault does.

import type { HubBoard } from '../../src/streams/fan-out/hub-board.ts';
import type { TestNode } from './node.ts';

/** The board must be open there. To be given back by `hub.release`. */
export async function holdBoard({ app: { hub } }: TestNode, boardId: string): Promise<HubBoard> {
  const { board } = await hub.attach(boardId, async () => ({ epoch: hub.epoch, head: 0 }));
  return board;
}
