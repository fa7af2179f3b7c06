// Reading the log: each answer says of which history it is, whatever it holds.

import { randomUUID } from 'node:crypto';
import t from 'tap';
import { createEventLog } from '../../src/events/event-log-store.ts';
import { useDatabase } from '../helpers/node.ts';

const { pool, sql } = await useDatabase(t);
const log = createEventLog(pool, () => {});
const [{ epoch } = { epoch: '' }] = await sql<{ epoch: string }>('select teamboard.current_epoch() as epoch');

t.test('an answer names its epoch also when it holds nothing (E2)', async (t) => {
  const nowhere = { boardId: randomUUID(), after: 0, limit: 10 };
  t.match(epoch, /^[0-9a-f]{8}$/);
  t.strictSame(await log.readAfter([]), { epoch, entries: [] });
  t.strictSame(await log.readAfter([nowhere, nowhere]), { epoch, entries: [[], []] });
  t.strictSame(await log.extents([]), { epoch, extents: new Map() });
  t.strictSame(await log.extents([nowhere.boardId]), { epoch, extents: new Map() });
});

t.test('each place is read from where it is and as far as it wants', async (t) => {
  const [board] = await sql<{ id: string }>(`insert into teamboard.boards (name) values ('x') returning id`);
  const boardId = board?.id ?? '';
  await sql('insert into teamboard.items (board_id, text) select $1, n::text from generate_series(1, 9) n', [boardId]);
  const { entries } = await log.readAfter([
    { boardId, after: 7, limit: 10 },
    { boardId: randomUUID(), after: 0, limit: 10 },
    { boardId, after: 0, limit: 2 },
  ]);
  t.strictSame(
    entries.map((place) => place.map(({ seq }) => seq)),
    [[8, 9, 10], [], [1, 2]],
  );
  t.strictSame((await log.extents([boardId])).extents, new Map([[boardId, { head: 10, trimmedTo: 0 }]]));
});

t.test('what fails for all boards is no fault of any event: nothing is called untold (E4)', async (t) => {
  await sql('alter table teamboard.board_events rename column changes to renamed');
  t.teardown(() => sql('alter table teamboard.board_events rename column renamed to changes'));
  const untold: number[] = [];
  const [board] = await sql<{ id: string }>('select board_id as id from teamboard.board_log limit 1');
  const reading = createEventLog(pool, (_boardId, seq) => untold.push(seq));
  await t.rejects(reading.readAfter([{ boardId: board?.id ?? '', after: 0, limit: 10 }]), { code: '42703' });
  t.strictSame(untold, []);
});
