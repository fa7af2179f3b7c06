// Two nodes on one database and one Redis: what one writes the other shows.

import t from 'tap';
import { openStream } from '../helpers/event-stream.ts';
import { startPair } from '../helpers/node-pair.ts';
import { noPrivateRedis } from '../helpers/redis.ts';

t.test(
  'a write at either, or by psql, shows at both, in one order (E1, E2, E3)',
  { skip: noPrivateRedis },
  async (t) => {
    const { nodes, database, ada, boardId } = await startPair(t);
    const [one, two] = nodes;
    const streams = [await openStream(t, one.url, boardId, ada), await openStream(t, two.url, boardId, ada)];
    await Promise.all(streams.map((stream) => stream.next('ready')));
    await ada.post(`/boards/${boardId}/items`, { text: 'at the first' });
    await ada.at(two).post(`/boards/${boardId}/items`, { text: 'at the second' });
    await database.sql(`insert into items (board_id, text) values ($1, 'by psql')`, [boardId]);
    await Promise.all(streams.map((stream) => stream.next('changed', ({ data }) => data.seq === 6)));
    const frames = streams.map(({ raw }) => raw.match(/^event:changed\ndata:.*\nid:.*\n\n/gm) ?? []);
    t.equal(frames[0]?.length, 3);
    t.strictSame(frames[0], frames[1], 'the same bytes');
  },
);
