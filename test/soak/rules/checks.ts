// What is checked when the faults are over: that everyone has everything, and everything agrees.

import { setTimeout as delay } from 'node:timers/promises';
import type { Figures } from '../figures.ts';
import type { OpenStreams } from '../readers/open-streams.ts';
import type { Reader } from '../readers/reader.ts';
import type { Violations } from '../violations.ts';
import type { SoakBoard } from '../world/boards.ts';
import { soakTable } from '../world/published-table.ts';
import type { SoakNode } from '../world/soak-node.ts';
import type { Auditor } from './auditor.ts';

/** A reader that was reset by the very last fault, and one that has a minute's backlog to read. */
const CATCH_UP_MS = 60_000;
const UP_MS = 40_000;
/** A `retry:` of 10 s, and what the registry lags behind. */
const HANDOVER_MS = 15_000;
const TOLD_MS = 30_000;
/** How long a stream must have been open for everyone to know of it. */
const STEADY_MS = 3000;

/**
 * A node of Node.js 20 with these boards takes about 110 MiB. On top of that may come 256 KiB for each of some fifteen
 * clients that do not read, pages of 100 events of 20 KiB that are being encoded, and what the collector has not looked
 * at yet, which it lets grow to twice of what is alive. What leaks with each of thousands of connections or events
 * passes this bound within ten minutes.
 */
export const MEMORY_BOUND_MIB = 320;

/** Every node answers again, all by itself. */
export async function checkNodesAreUp(nodes: SoakNode[], violations: Violations): Promise<void> {
  const deadline = performance.now() + UP_MS;
  const isDown = ({ state }: SoakNode) => state !== 'up';
  while (nodes.some(isDown) && performance.now() < deadline) await delay(100);
  for (const { index, state } of nodes.filter(isDown)) {
    violations.add('every node comes back', `node ${index} is ${state}`);
  }
}

/** No event is missing anywhere: each reader gets to the head of each of its boards. @returns how long that took, in ms */
export async function checkReadersCatchUp(
  readers: Reader[],
  auditor: Auditor,
  violations: Violations,
): Promise<number> {
  const before = performance.now();
  const behind = () =>
    readers.flatMap(({ subscription }) =>
      subscription.boards.filter(({ boardId, seq }) => seq !== auditor.head(boardId)),
    );
  while (behind().length > 0 && performance.now() - before < CATCH_UP_MS) await delay(50);
  for (const rules of behind()) {
    violations.add('every reader gets to the head', `${rules.describe()}, head ${auditor.head(rules.boardId)}`);
  }
  return performance.now() - before;
}

/** Each stream was told of all who are there, and of nobody who has been away for longer than a hand-over. */
export async function checkPresence(
  readers: Reader[],
  openStreams: OpenStreams,
  violations: Violations,
): Promise<void> {
  const differences = () =>
    readers
      .flatMap(({ subscription }) => subscription.boards)
      .flatMap((rules) => {
        const { boardId, present } = rules;
        if (rules.streamId === undefined) return [];
        if (!present) return [`${rules.describe()} was told nothing`];
        const steady = new Set(openStreams.steady(boardId, STEADY_MS).values());
        const recent = new Set(openStreams.recent(boardId, HANDOVER_MS).values());
        return [
          ...[...steady].filter((id) => !present.has(id)).map((id) => `${rules.describe()} was not told of ${id}`),
          ...[...present].filter((id) => !recent.has(id)).map((id) => `${rules.describe()} still knows ${id}`),
        ];
      });
  const deadline = performance.now() + TOLD_MS;
  while (differences().length > 0 && performance.now() < deadline) await delay(200);
  for (const difference of differences()) violations.add('a stream knows who is there', difference);
}

/** What a node shows of a board is what the events of its log add up to. */
export async function checkBoards(
  boards: SoakBoard[],
  { url }: SoakNode,
  auditor: Auditor,
  violations: Violations,
): Promise<void> {
  for (const board of boards) {
    try {
      const response = await fetch(`${url}/boards/${board.id}`, { headers: { cookie: board.ownerCookie } });
      const fault = compareBoard((await response.json()) as ShownBoard, board, auditor);
      if (fault !== undefined) violations.add('the events add up to the board', fault);
    } catch (error) {
      // What hostile rows have made of it may be no JSON, or too deep for this process as well.
      violations.add('a board can be shown', `${board.name}: ${error}`);
    }
  }
}

interface ShownBoard {
  items: Array<{ id: string }>;
  tables?: Record<string, Array<{ id: string; object: unknown }>>;
  cursor: string;
}

/** @returns how what is shown differs from what the log makes */
function compareBoard({ items, tables, cursor }: ShownBoard, board: SoakBoard, auditor: Auditor): string | undefined {
  const differing = [
    ...differencesOf(new Map(items.map((item) => [item.id, item])), auditor.items(board.id)),
    ...differencesOf(new Map(tables?.[soakTable]?.map(({ id, object }) => [id, object])), auditor.rows(board.id)),
  ];
  if (differing.length === 0 && cursor.endsWith(`-${auditor.head(board.id)}`)) return undefined;
  return `${board.name} at ${cursor}, head ${auditor.head(board.id)}: ${differing.join(', ')}`;
}

/** @returns the ids of what is not shown as the log has it */
function differencesOf(shown: ReadonlyMap<string, unknown>, expected: ReadonlyMap<string, string>): string[] {
  const isSame = (id: string) => {
    const object = expected.get(id);
    return object !== undefined && JSON.stringify(shown.get(id)) === JSON.stringify(JSON.parse(object));
  };
  return [...new Set([...shown.keys(), ...expected.keys()])].filter((id) => !isSame(id));
}

/** Nobody's fault is an error in the log: what passes by itself is a warning. */
export async function checkLogs(nodes: SoakNode[], figures: Figures, violations: Violations): Promise<void> {
  for (const node of nodes) {
    for (const reason of await node.loggedEnds()) figures.count('logged ends', reason);
    for (const line of await node.loggedErrors()) {
      violations.add('no node logs an error', `node ${node.index}: ${line.slice(0, 1500)}`);
    }
  }
}

/** Memory does not grow with what is done to it. */
export function checkMemory(nodes: SoakNode[], violations: Violations): void {
  for (const { index, peakMiB } of nodes) {
    if (peakMiB > MEMORY_BOUND_MIB) {
      violations.add('memory is bounded', `node ${index}: ${Math.round(peakMiB)} MiB, more than ${MEMORY_BOUND_MIB}`);
    }
  }
}
