// Wires ① of an event's way: the stores of boards, items and snapshots.

import type { FastifyInstance } from 'fastify';
import fastifyPlugin from 'fastify-plugin';
import { formatCursor } from '../events/cursor.ts';
import { type BoardStore, createBoardStore } from './board-store.ts';
import { createItemStore, type ItemStore } from './item-store.ts';
import { createSnapshotStore, type SnapshotStore } from './snapshot-store.ts';
import { createWriteBoard } from './write-board.ts';

declare module 'fastify' {
  interface FastifyInstance {
    boards: BoardStore;
    items: ItemStore;
    snapshots: SnapshotStore;
  }
}

export default fastifyPlugin(
  async (app: FastifyInstance) => {
    const writeBoard = createWriteBoard(app.pool, (boardId) => app.notifier.wake(boardId));
    app.decorate('boards', createBoardStore(app.pool, writeBoard));
    app.decorate('items', createItemStore(app.pool, writeBoard));
    app.decorate(
      'snapshots',
      createSnapshotStore(app.pool, (seq) => formatCursor(app.listener.epoch, seq)),
    );
  },
  { name: 'boards', dependencies: ['postgres', 'events', 'accounts'] },
);
