// What one place costs that cannot be read: how often it is tried, and what the others notice of it.

import t from 'tap';
import type { LogEntry } from '../../src/events/board-event.ts';
import type { ReadRequest } from '../../src/events/event-log.ts';
import { IsolatedRead } from '../../src/events/isolated-read.ts';

const HEAD = 8;

function entry(seq: number): LogEntry {
  const nobody = { actorId: undefined, mutationId: undefined, streamId: undefined };
  return { seq, resource: 'item', action: 'updated', id: '', json: '{}', ...nobody };
}

/** @param codes by board: the SQLSTATE with which event 3 of it fails the statement */
function readIsolated(codes: Record<string, string>) {
  /** One list per statement. */
  const statements: string[][] = [];
  const holds = ({ after, limit }: ReadRequest) => after < 3 && after + limit >= 3;
  const log = {
    readAfter: async (requests: ReadRequest[]) => {
      statements.push(requests.map(({ boardId, after, limit }) => `${boardId} ${after}+${limit}`));
      for (const request of requests) {
        const code = codes[request.boardId];
        if (code && holds(request)) throw Object.assign(new Error('it fails'), { code });
      }
      const read = ({ after, limit }: ReadRequest) =>
        Array.from({ length: Math.max(0, Math.min(limit, HEAD - after)) }, (_, index) => entry(after + 1 + index));
      return { epoch: 'e', entries: requests.map(read) };
    },
    extents: async (boardIds: string[]) => ({
      epoch: 'e',
      extents: new Map(boardIds.map((id) => [id, { head: HEAD, trimmedTo: 0 }])),
    }),
  };
  const isolated = new IsolatedRead(log, () => {});
  const read = async (...boardIds: string[]) => {
    statements.length = 0;
    const { entries } = await isolated.readAfter(boardIds.map((boardId) => ({ boardId, after: 0, limit: 4 })));
    return entries.map((found) => found.map(({ seq, json }) => (json ? seq : -seq)));
  };
  return { read, statements };
}

const told = [1, 2, 3, 4];
const untold = [-1, -2, -3, -4];

t.test('a place that takes too long is tried once, also when nothing else is asked for (E5)', async (t) => {
  const { read, statements } = readIsolated({ slow: '57014' });
  t.strictSame(await read('slow'), [untold]);
  t.strictSame(statements, [['slow 0+4']]);
});

t.test('the row at fault is found by halving what has failed already (E2, E5)', async (t) => {
  const { read, statements } = readIsolated({ bad: '22P02' });
  t.strictSame(await read('bad'), [[1, 2, -3, 4]]);
  t.strictSame(statements, [['bad 0+4'], ['bad 0+2'], ['bad 2+2'], ['bad 2+1'], ['bad 3+1']]);
});

t.test('while a place is left alone, all others are read by one statement (E5)', async (t) => {
  const { read, statements } = readIsolated({ slow: '57014' });
  t.strictSame(await read('a', 'slow', 'b'), [told, untold, told]);
  t.strictSame(await read('slow', 'a', 'a', 'slow', 'b'), [untold, told, told, untold, told], 'in the order asked');
  t.strictSame(statements, [['a 0+4', 'a 0+4', 'b 0+4']]);
  t.strictSame(await read('slow'), [untold]);
  t.strictSame(statements.flat(), [], 'without a look at it');
});
