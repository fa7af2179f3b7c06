// Wires ① of an event's way: the stores of boards and what belongs to them, and the memory of writes that are done once.

import type { FastifyInstance } from 'fastify';
import fastifyPlugin from 'fastify-plugin';
import { Expiry } from '../background/expiry.ts';
import { LoggedFailures } from '../background/failures.ts';
import { Task } from '../background/task.ts';
import { documentProblems } from '../http/route-problems.ts';
import { isUnavailable } from '../postgres/database-problem.ts';
import { removeExpiredFrom } from '../postgres/remove-expired.ts';
import { type BatchStore, createBatchStore } from './batch-store.ts';
import { createReadBoardHistory, type ReadBoardHistory } from './board-conflict-store.ts';
import { type BoardStore, createBoardStore } from './board-store.ts';
import { createReadHistory, type ReadHistory } from './conflict-store.ts';
import { createInviteStore, type InviteStore, removeEndedInvites } from './invite-store.ts';
import { createItemHistoryStore, type ItemHistoryStore } from './item-history-store.ts';
import { createReadItemPage, type ReadItemPage } from './item-page-store.ts';
import { createItemStore, type ItemStore } from './item-store.ts';
import { createMemberStore, type MemberStore } from './member-store.ts';
import { forgetDroppedTables, removeOrphans } from './orphan-store.ts';
import { createPastStore, type PastStore } from './past-store.ts';
import { createPlaceStore, type PlaceStore } from './place-store.ts';
import { tellRenames } from './rename-store.ts';
import { createSnapshotStore, type SnapshotStore } from './snapshot-store.ts';
import { type BoardLimits, createWriteBoard, type WriteBoard } from './write-store.ts';

const EXPIRY_INTERVAL_MS = 5 * 60_000;
const RENAMES_INTERVAL_MS = 2000;

declare module 'fastify' {
  interface FastifyInstance {
    writeBoard: WriteBoard;
    boards: BoardStore;
    items: ItemStore;
    readItemPage: ReadItemPage;
    itemHistory: ItemHistoryStore;
    batches: BatchStore;
    readItemHistory: ReadHistory;
    readBoardHistory: ReadBoardHistory;
    members: MemberStore;
    invites: InviteStore;
    snapshots: SnapshotStore;
    past: PastStore;
    /** Begins to tell boards of members who were renamed just now. Waits for nothing. */
    tellRenames: () => void;
    places: PlaceStore;
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
    app.decorate('writeBoard', writeBoard);
    app.decorate('boards', createBoardStore(app.pool, writeBoard, boardsPerUser));
    app.decorate('items', createItemStore(app.pool, writeBoard));
    app.decorate('readItemPage', createReadItemPage(app.pool));
    app.decorate('itemHistory', createItemHistoryStore(app.pool));
    app.decorate('batches', createBatchStore(app.pool, writeBoard));
    app.decorate('readItemHistory', createReadHistory(app.pool));
    app.decorate('readBoardHistory', createReadBoardHistory(app.pool));
    app.decorate('members', createMemberStore(app.pool, writeBoard, membersPerBoard));
    app.decorate(
      'invites',
      createInviteStore(app.pool, writeBoard, { invites: invitesPerBoard, members: membersPerBoard }),
    );
    app.decorate('snapshots', createSnapshotStore(app.pool, app.waitingBytes));
    app.decorate('past', createPastStore(app.pool, app.waitingBytes));
    app.decorate('places', createPlaceStore(app.logPool));

    const renames = createRenames(app, wake);
    app.decorate('tellRenames', () => renames.wake());

    app.addHook('onRoute', (route) => {
      const { properties = {} } = (route.schema?.headers ?? {}) as { properties?: object };
      if ('idempotency-key' in properties) documentProblems(route, 'TB_KEY_REUSED', 'TB_OUTCOME_UNKNOWN');
    });

    const expiry = new Expiry({
      removeExpired: {
        'idempotency keys': removeExpiredFrom(app.pool, 'idempotency_keys'),
        invites: (limit) => removeEndedInvites(app.pool, limit),
        'items of deleted boards': (limit) => removeOrphans(app.pool, limit),
        'rows of dropped tables': (limit) => forgetDroppedTables(app.pool, limit),
      },
      intervalMs: EXPIRY_INTERVAL_MS,
      log: app.log,
      isOutage: isUnavailable,
    });
    app.addHook('onReady', async () => {
      expiry.start();
      void renames.start();
    });
    app.addHook('onClose', async () => {
      await Promise.all([expiry.stop(), renames.stop()]);
    });
  },
  { name: 'boards', dependencies: ['postgres', 'output', 'events', 'accounts'] },
);

/** Every node has it, and they share the work. Who is renamed by this node wakes it; the interval is for all others. */
function createRenames(app: FastifyInstance, wake: (boardId: string) => void): Task {
  return new Task({
    run: async (stopping) => {
      while (!stopping.aborted && (await tellRenames(app.pool, wake)));
      return RENAMES_INTERVAL_MS;
    },
    failures: new LoggedFailures({
      log: app.log,
      owner: 'renames',
      failing: 'boards show renamed members under their old names until this works again',
      healed: 'boards are told of renamed members again',
      isOutage: isUnavailable,
    }),
    backoff: { firstMs: RENAMES_INTERVAL_MS, lastMs: 5 * RENAMES_INTERVAL_MS },
  });
}
