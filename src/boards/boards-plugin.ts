// Wires ① of an event's way: the stores of boards and what belongs to them, and the memory of writes that are done once.

import type { FastifyInstance } from 'fastify';
import fastifyPlugin from 'fastify-plugin';
import { Sweeper } from '../postgres/sweeper.ts';
import { type BatchStore, createBatchStore } from './batch-store.ts';
import { type BoardStore, createBoardStore } from './board-store.ts';
import { createReadHistory, type ReadHistory } from './conflict-store.ts';
import { removeExpiredKeys } from './idempotency-store.ts';
import { createInviteStore, type InviteStore } from './invite-store.ts';
import { createItemStore, type ItemStore } from './item-store.ts';
import { createMemberStore, type MemberStore } from './member-store.ts';
import { removeOrphans } from './orphan-store.ts';
import { createSnapshotStore, type SnapshotStore } from './snapshot-store.ts';
import { type BoardLimits, createWriteBoard } from './write-store.ts';

const SWEEP_INTERVAL_MS = 5 * 60_000;

declare module 'fastify' {
  interface FastifyInstance {
    boards: BoardStore;
    items: ItemStore;
    batches: BatchStore;
    readItemHistory: ReadHistory;
    members: MemberStore;
    invites: InviteStore;
    snapshots: SnapshotStore;
  }
}

export interface BoardsOptions extends BoardLimits {
  boardsPerUser: number;
  membersPerBoard: number;
  /** Open ones. */
  invitesPerBoard: number;
}

export default fastifyPlugin(
  async (app: FastifyInstance, { boardsPerUser, membersPerBoard, invitesPerBoard, ...limits }: BoardsOptions) => {
    const wake = (boardId: string) => app.notifier.wake(boardId);
    const writeBoard = createWriteBoard({ pool: app.pool, wake, limits });
    app.decorate('boards', createBoardStore(app.pool, writeBoard, boardsPerUser));
    app.decorate('items', createItemStore(app.pool, writeBoard));
    app.decorate('batches', createBatchStore(app.pool, writeBoard));
    app.decorate('readItemHistory', createReadHistory(app.pool));
    app.decorate('members', createMemberStore(app.pool, writeBoard, membersPerBoard));
    app.decorate(
      'invites',
      createInviteStore(app.pool, writeBoard, { invites: invitesPerBoard, members: membersPerBoard }),
    );
    app.decorate('snapshots', createSnapshotStore(app.pool, app.waitingBytes));

    const sweeper = new Sweeper({
      removeExpired: {
        'idempotency keys': (limit) => removeExpiredKeys(app.pool, limit),
        'items of deleted boards': (limit) => removeOrphans(app.pool, limit),
      },
      intervalMs: SWEEP_INTERVAL_MS,
      log: app.log,
    });
    app.addHook('onReady', async () => sweeper.start());
    app.addHook('onClose', () => sweeper.stop());
  },
  { name: 'boards', dependencies: ['postgres', 'output', 'events', 'accounts'] },
);
