// A board as a file, and back: exactly what it was, or nothing.

import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { Client } from '../helpers/client.ts';
import { startNode, useDatabase } from '../helpers/node.ts';
import { runCli } from '../helpers/process.ts';

t.test('an exported board comes back with its ids, order, numbers and labels', async (t) => {
  const [here, there] = [await useDatabase(t), await useDatabase(t)];
  const node = await startNode(t, here.url);
  const ada = await Client.signUp(node);
  const { body } = await ada.post('/boards', { name: 'Plans', layout: 'list', key: 'plans' });
  const boardId: string = body.board.id;
  const operations = Array.from({ length: 500 }, (_, index) => ({
    op: 'create',
    item: {
      text: `"${index}" \u2028\\ é 😀`,
      x: index / 3,
      y: -1e300,
      rank: `a${index % 10}`,
      data: { labels: ['l'], n: 0.1, empty: {} },
    },
  }));
  for (const part of [operations, operations.slice(0, 7)]) {
    const answer = await ada.post(`/boards/${boardId}/batch`, { operations: part });
    t.equal(answer.status, 200);
  }
  const folder = await mkdtemp(join(tmpdir(), 'teamboard-export-'));
  t.teardown(() => rm(folder, { recursive: true }));
  const file = join(folder, 'plans.jsonl');
  const exported = await runCli(t, ['export', '~plans'], { DATABASE_URL: here.url });
  t.equal(exported.code, 0);
  await writeFile(file, exported.output);
  t.equal(
    exported.output.split('\n').length,
    1 + 1 + 507 + 1,
    'the board, its member, its items, and the last line feed',
  );

  const itemsOf = async (database: typeof here, id: string) =>
    database.sql(
      'select id, text, x::text, y::text, color, rank, data::text, created_by from teamboard.items where board_id = $1 order by rank, id',
      [id],
    );
  const refused = await runCli(t, ['import', file], { DATABASE_URL: there.url });
  t.match(refused, { code: 2, output: /^teamboard: nobody who has an account here .* \[TB_NO_OWNER\]\n$/ });
  const other = await startNode(t, there.url);
  const bob = await Client.signUp(other, 'Bob');
  const imported = await runCli(t, ['import', file, '--owner', bob.user.id, '--json'], { DATABASE_URL: there.url });
  t.strictSame(JSON.parse(imported.output), { id: boardId, items: 507, members: 1, absent: 1 });
  t.strictSame(await itemsOf(there, boardId), await itemsOf(here, boardId));
  const snapshot = (await bob.get('/boards/~plans')).body;
  t.match(snapshot, {
    board: { id: boardId, name: 'Plans', layout: 'list', key: 'plans' },
    members: [{ role: 'owner' }],
  });
  t.equal(
    (await bob.get(`/boards/${boardId}/events?after=${snapshot.cursor}`, { accept: 'application/json' })).status,
    200,
  );

  const import_ = async (...args: string[]) => runCli(t, ['import', ...args], { DATABASE_URL: here.url });
  t.match(await import_(file), { code: 1, output: /--new-id\. \[TB_ID_TAKEN\]\n$/ });
  t.match(await import_(file, '--new-id'), { code: 1, output: /--no-key\. \[TB_KEY_TAKEN\]\n$/ });
  t.match(await import_(file, '--new-id', '--no-key'), {
    code: 0,
    output: /^Imported board \S+: 507 items, 1 members\.\n$/,
  });
  t.match(await import_(join(folder, 'none')), { code: 3, output: /\[TB_NOT_FOUND\]\n$/ });
  const lines = (await readFile(file, 'utf8')).split('\n');
  const [{ count }] = (await here.sql('select count(*)::int as count from teamboard.boards')) as [{ count: number }];
  const broken: Array<[about: string, lines: string[], message: RegExp]> = [
    ['nothing', [], /^teamboard: the file is empty\./],
    ['no JSON', [...lines.slice(0, 3), '{'], /^teamboard: line 4 is no JSON object/],
    ['a line without an end', [lines[0] ?? '', 'x'.repeat(1024 * 1024)], /^teamboard: line 2 is too long/],
    ['no board', lines.slice(2), /^teamboard: line 1 does not belong there/],
    ['another format', [(lines[0] ?? '').replace('1', '2')], /^teamboard: line 1 is of another version/],
    [
      'an item without an id',
      [...lines.slice(0, 3), '{"item":{"text":"x"}}'],
      /^teamboard: line 3 to 4 cannot be taken/,
    ],
  ];
  for (const [about, content, message] of broken) {
    await writeFile(file, content.join('\n'));
    const { code, output } = await import_(file, '--new-id', '--no-key');
    t.equal(code, 1, about);
    t.match(output, message, about);
    t.match(output, / \[TB_INVALID_FILE\]\n$/, about);
  }
  t.strictSame(
    await here.sql('select count(*)::int as count from teamboard.boards'),
    [{ count }],
    'and no board is left of them',
  );
});
