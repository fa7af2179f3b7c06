import t from 'tap';
import { Listener } from '../../src/events/listener.ts';
import { useDatabase } from '../helpers/node.ts';
import { until } from '../helpers/until.ts';

const database = await useDatabase(t);
const { sql } = database;

t.test('the listener registers in batches, hears what it registered, and nothing else', async (t) => {
  const heard: Array<[string, number | undefined]> = [];
  const ended: string[][] = [];
  const epochs: string[] = [];
  const listener = new Listener({ connectionString: database.url, log: { info: () => {}, warn: () => {} } });
  listener.subscribe({
    onNotification: (boardId, head) => void heard.push([boardId, head]),
    onAccessEnded: (ids) => void ended.push(ids),
    onConnected: (epoch) => void epochs.push(epoch),
  });
  t.teardown(() => listener.stop());
  const boards = await sql<{ id: string }>('select uuid_v7() as id from generate_series(1, 2500)');
  const ids = boards.map(({ id }) => id);
  const early = ids.slice(0, 100);
  await Promise.all(early.map((id) => listener.listen(id)));
  await listener.start();
  await Promise.all(ids.map((id) => listener.listen(id)));
  t.strictSame(epochs, [listener.epoch]);
  t.match(listener.epoch, /^[0-9a-f]{8}$/);

  for (const id of [ids[0], ids[2499]]) await sql('select pg_notify($1, $2)', [`board_${id}`, '7']);
  await until(() => heard.length === 2, 'both notifications');
  t.strictSame(heard, [
    [ids[0], 7],
    [ids[2499], 7],
  ]);

  listener.unlisten(ids[0] ?? '');
  await listener.listen('01a203b6-1fa0-7192-875a-07443cb85f66');
  await sql('select pg_notify($1, $2)', [`board_${ids[0]}`, '8']);
  await sql('select pg_notify($1, $2)', [`board_${ids[1]}`, 'not a number']);
  await until(() => heard.length === 3, 'the board that is still heard');
  t.strictSame(heard[2], [ids[1], undefined]);
  await t.rejects(listener.listen('x"; drop table boards; --'), TypeError);

  t.strictSame(ended, [], 'and of what has ended, nothing so far');
  await sql(`select pg_notify('access_ended', $1)`, [`${ids[0]},${ids[1]}`]);
  for (const forged of ['', ',', "x'; drop table sessions; --", 'x'.repeat(7999)]) {
    await sql(`select pg_notify('access_ended', $1)`, [forged]);
  }
  await until(() => ended.length === 5, 'all that was announced');
  t.strictSame(ended[0], [ids[0], ids[1]]);
});
