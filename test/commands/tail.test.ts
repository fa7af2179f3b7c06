// Following a board from a terminal, over cuts.

import t from 'tap';
import { Client } from '../helpers/client.ts';
import { startNode, useDatabase } from '../helpers/node.ts';
import { runCli, startCli } from '../helpers/process.ts';
import { until } from '../helpers/until.ts';

const seqsOf = (output: string) =>
  output.split('\n').flatMap((line) => (line.startsWith('{') ? (JSON.parse(line).seq as number) : []));

t.test('by the log: the last events, then each that comes, also after its connection was ended', async (t) => {
  const database = await useDatabase(t);
  const node = await startNode(t, database.url);
  const ada = await Client.signUp(node);
  const boardId = await ada.createBoard();
  const write = (text: string) => ada.post(`/boards/${boardId}/items`, { text });
  await write('one');
  const environment = { DATABASE_URL: database.url };
  const lines = startCli(t, ['tail', boardId, '--json', '--last', '2'], environment);
  const people = startCli(t, ['tail', boardId, '--last', '1'], environment);
  await until(() => seqsOf(lines.output).length === 2 && people.output.includes('#3'), 'the last ones');
  t.match(people.output, /^\S+Z #3 Ada created item "one" [0-9a-f-]{36}\n$/);
  await database.sql(
    `select pg_terminate_backend(pid) from pg_stat_activity
     where application_name = 'teamboard command' and datname = current_database()`,
  );
  await write('t\u001bwo');
  await until(() => seqsOf(lines.output).length === 3 && people.output.includes('#4'), 'the next one');
  t.strictSame(seqsOf(lines.output), [2, 3, 4]);
  t.match(people.output, /teamboard: cut: .* Going on behind #3 when it is back\.\n/);
  t.match(people.output, /"t wo"/, 'nothing that moves a terminal');
  lines.child.kill('SIGINT');
  t.match(await lines.exit(), { code: 0 }, 'Ctrl-C is how it ends');
  people.child.kill('SIGINT');
  await people.exit();
});

t.test('by a stream: each event once, over a cut; a refusal ends it', async (t) => {
  const database = await useDatabase(t);
  const first = await startNode(t, database.url);
  const ada = await Client.signUp(first);
  const boardId = await ada.createBoard();
  const { body } = await ada.post('/tokens', { name: 'tail' });
  const environment = { TEAMBOARD_TOKEN: body.secret as string };
  const lines = startCli(t, ['tail', boardId, '--json', '--url', first.url], environment);
  const write = (text: string) => ada.post(`/boards/${boardId}/items`, { text });
  // It starts at the present.
  await until(
    async () => {
      await write('again');
      return seqsOf(lines.output).length > 0;
    },
    'the stream to be open',
    60_000,
  );
  const before = seqsOf(lines.output).length;
  await database.sql(`insert into teamboard.items (board_id, text) select $1, 'x' from generate_series(1, 50)`, [
    boardId,
  ]);
  await until(() => seqsOf(lines.output).length >= before + 50, 'all of them');
  const { streams } = (await ada.get('/streams')).body;
  t.equal((await ada.delete(`/streams/${streams[0].streamId}`)).status, 204);
  await write('while it was away');
  await until(() => lines.output.includes('while it was away'), 'what came between');
  const seqs = seqsOf(lines.output);
  t.strictSame(
    seqs,
    seqs.map((_, index) => (seqs[0] ?? 0) + index),
    'without a hole, each once',
  );
  t.match(await runCli(t, ['tail', boardId, '--url', first.url], { TEAMBOARD_TOKEN: `tb_${'0'.repeat(64)}` }), {
    code: 1,
    output: /^teamboard: the node answers 401: .+ \[TB_UNAUTHENTICATED\]\n$/,
  });
  t.match(await runCli(t, ['tail', boardId, '--url', 'http://127.0.0.1:1'], environment), {
    code: 4,
    output: /^teamboard: http:\/\/127\.0\.0\.1:1 cannot be reached .+ \[TB_NODE_AWAY\]\n$/,
  });
  lines.child.kill('SIGINT');
  t.match(await lines.exit(), { code: 0 });
});
