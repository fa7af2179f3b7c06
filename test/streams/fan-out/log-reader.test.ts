// What one read brings: everybody who waits gets an answer, whatever one of the pages holds.

import t, { type Test } from 'tap';
import type { LogEntry } from '../../../src/events/board-event.ts';
import type { ReadRequest } from '../../../src/events/event-log.ts';
import { LogReader } from '../../../src/streams/fan-out/log-reader.ts';
import { FrameBatch } from '../../../src/streams/wire/frame-batch.ts';
import { until } from '../../helpers/until.ts';

const silent = { info: () => {}, warn: () => {} };

function entry(seq: number, json: string | undefined): LogEntry {
  const nobody = { actorId: undefined, mutationId: undefined, streamId: undefined };
  return { seq, resource: 'item', action: 'updated', id: '', json, ...nobody };
}

/** @param read what the log has at a place; its rejection is that of the database */
function startReader(t: Test, read: (request: ReadRequest) => LogEntry[]) {
  const fed: Array<[string, number]> = [];
  const reads: string[][] = [];
  const reader = new LogReader({
    log: {
      readAfter: async (requests) => {
        reads.push(requests.map(({ boardId }) => boardId));
        return { epoch: '', entries: requests.map(read) };
      },
      extents: async () => ({ epoch: '', extents: new Map() }),
    },
    logger: silent,
    headOf: (boardId) => (boardId === 'news' ? 0 : undefined),
    learnEpoch: () => {},
    encode: (boardId, entries) => FrameBatch.encode({ epoch: 'abcdef01', boardId }, entries),
    feed: async (boardId, { to }) => void fed.push([boardId, to]),
  });
  t.teardown(() => reader.stop());
  return { reader, fed, reads };
}

t.test('a page of which nothing can be told keeps no other page and no news waiting (E2, E4, E5)', async (t) => {
  const { reader, fed, reads } = startReader(t, ({ boardId }) => [entry(1, boardId === 'untold' ? undefined : '{}')]);
  let answers: Array<FrameBatch | undefined> = [];
  const asked = ['untold', 'other'].map((boardId) => reader.readPage(boardId, 0));
  void Promise.all(asked).then((pages) => {
    answers = pages;
  });
  reader.markDirty('news');
  await until(() => answers.length === 2 && fed.length === 1, 'both pages and the news');
  t.equal(reads.length, 1, 'all by one read');
  t.strictSame(
    answers.map((page) => page?.frames.map(({ text }) => text === undefined)),
    [[true], [false]],
  );
  t.strictSame(fed, [['news', 1]]);
});

t.test('an event that cannot be told now is looked at again, and one that can is kept (E2)', async (t) => {
  let isTold = false;
  const { reader, reads } = startReader(t, ({ limit }) =>
    Array.from({ length: limit }, (_, index) => entry(index + 1, isTold || index < 50 ? '{}' : undefined)),
  );
  const isWhole = async () => (await reader.readPage('a', 0))?.frames.every(({ text }) => text !== undefined);
  t.equal(await isWhole(), false);
  isTold = true;
  t.equal(await isWhole(), true, 'not from memory, where it would be untold for ever');
  t.equal(await isWhole(), true);
  t.equal(reads.length, 2);
});
