// What a read brings that was under way while the board went on without it.

import t from 'tap';
import type { LogEntry } from '../../../src/events/board-event.ts';
import type { ReadRequest } from '../../../src/events/event-log.ts';
import { Hub } from '../../../src/streams/fan-out/hub.ts';
import { timings } from '../../../src/timings.ts';
import { until } from '../../helpers/until.ts';

const boardId = '01a203b6-1fa0-7192-875a-07443cb85f66';

function entry(seq: number): LogEntry {
  const nobody = { actorId: undefined, mutationId: undefined, streamId: undefined };
  return { seq, resource: 'item', action: 'updated', id: '', json: '{}', ...nobody };
}

t.test('a read that overlaps a skip is followed by one of what comes after the skip (E4)', async (t) => {
  const reads: ReadRequest[] = [];
  let answer: (entries: LogEntry[]) => void = () => {};
  const hub = new Hub({
    log: {
      extents: async () => ({ epoch: 'e', extents: new Map([[boardId, { head: 30, trimmedTo: 20 }]]) }),
      readAfter: async (requests) => {
        reads.push(...requests);
        const entries = await new Promise<LogEntry[]>((resolve) => {
          answer = resolve;
        });
        return { epoch: 'e', entries: [entries] };
      },
    },
    logger: { info: () => {}, warn: () => {} },
    listen: async () => {},
    unlisten: () => {},
    rings: { bytesPerBoard: 1e6, bytesPerNode: 1e6 },
    timings: timings.streams,
  });
  t.teardown(() => {
    answer([]);
    return hub.stop();
  });
  const { board } = await hub.attach(boardId, async () => ({ epoch: 'e', head: 10 }));
  hub.wake(boardId, 12);
  await until(() => reads.length === 1, 'the read after 10');
  hub.sweep();
  await until(() => board.head === 30, 'the skip over what was trimmed');
  answer(Array.from({ length: 20 }, (_, index) => entry(21 + index)));
  await until(() => reads.length === 2, 'another read');
  t.match(reads[1], { boardId, after: 30 });
  answer(Array.from({ length: 10 }, (_, index) => entry(31 + index)));
  await until(() => board.head === 40, 'all of it');
});
