// What a command says that has not done what it was asked for: a line, a code, an exit code.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { Client } from '../helpers/client.ts';
import { startNode, useDatabase } from '../helpers/node.ts';
import { runCli, spawnNode } from '../helpers/process.ts';
import { createEmptyDatabase, dropDatabase } from '../helpers/test-cluster.ts';

t.jobs = 2;

t.test('each failure is one line with its code, and JSON for who asks for it', async (t) => {
  const { url } = await useDatabase(t);
  const emptyName = `test_empty_${process.pid}`;
  const empty = await createEmptyDatabase(emptyName);
  t.teardown(() => dropDatabase(emptyName));
  const node = await startNode(t, url);
  const guest = await Client.signUp(node);
  const environment = { DATABASE_URL: url };
  const cases: Array<[args: string[], environment: Record<string, string>, exitCode: number, code: string]> = [
    [['bords'], environment, 2, 'TB_USAGE'],
    [['boards', '--limit', '0'], environment, 2, 'TB_USAGE'],
    [['boards', '--after', 'x'], environment, 2, 'TB_USAGE'],
    [['boards', '--what'], environment, 2, 'TB_USAGE'],
    [['boards'], { DATABASE_URL: 'http://x' }, 2, 'TB_SETTING'],
    [['boards', '--user', 'nobody@example.org'], environment, 3, 'TB_NOT_FOUND'],
    [['user', 'password', guest.user.id], environment, 2, 'TB_USAGE'],
    [['new-epoch'], { DATABASE_URL: empty }, 1, 'TB_NOT_MIGRATED'],
    [['boards'], { DATABASE_URL: 'postgres://127.0.0.1:1/x' }, 4, 'TB_DATABASE_AWAY'],
    [['boards'], { DATABASE_URL: url.replace(/\/test_\w+/, '/no_such') }, 4, 'TB_DATABASE_REFUSES'],
  ];
  for (const [args, settings, exitCode, code] of cases) {
    const about = args.join(' ');
    const told = await runCli(t, args, settings);
    t.equal(told.code, exitCode, about);
    t.match(told.output, new RegExp(`^teamboard: [^\\n]+ \\[${code}\\]\\n$`), about);
  }
  const { output } = await runCli(t, ['boards', '--user', 'nobody@example.org', '--json'], environment);
  t.strictSame(JSON.parse(output), {
    error: { code: 'TB_NOT_FOUND', message: 'there is no user nobody@example.org.', exitCode: 3 },
  });
});

t.test('`migrate --dry-run` says what would be applied, and applies nothing', async (t) => {
  const name = `test_dry_${process.pid}`;
  const url = await createEmptyDatabase(name);
  t.teardown(() => dropDatabase(name));
  const run = async (...args: string[]) => runCli(t, ['migrate', ...args], { DATABASE_URL: url, LOG_LEVEL: 'silent' });
  const { output } = await run('--dry-run');
  t.match(output, /^Would apply 0001_baseline, 0002_many_boards, .+\.\n$/);
  t.equal((await run('--dry-run')).output, output, 'nothing was');
  t.equal((await run()).output, output.replace('Would apply', 'Applied'));
  t.strictSame(JSON.parse((await run('--dry-run', '--json')).output), { missing: [] });
});

t.test('beside a node that runs, a command uses its embedded database', async (t) => {
  const dataDir = await mkdtemp(join(tmpdir(), 'teamboard-data-'));
  t.teardown(() => rm(dataDir, { recursive: true, force: true }));
  const node = await spawnNode(t, { DATA_DIR: dataDir });
  const ada = await Client.signUp(node, 'Ada');
  const boardId = await ada.createBoard('Pl\u202eans');
  const { code, output } = await runCli(t, ['boards'], { DATA_DIR: dataDir });
  t.equal(code, 0);
  t.match(output, `${boardId}  -    Pl ans  1 `, 'and what would turn the line round is not printed');
  const cursorOf = async () => (await ada.get(`/boards/${boardId}`)).body.cursor as string;
  const before = await cursorOf();
  const renewed = JSON.parse((await runCli(t, ['new-epoch', '--json'], { DATA_DIR: dataDir })).output);
  t.match(renewed, { epoch: /^[0-9a-f]{8}$/ });
  t.not((await cursorOf()).split('-')[0], before.split('-')[0], 'a cursor of before is one of another history');
  node.kill('SIGINT');
  t.match(await node.exit(), { code: 0 });
  const alone = await runCli(t, ['boards', '--json'], { DATA_DIR: dataDir });
  t.match(JSON.parse(alone.output), { id: boardId }, 'without it, the command starts the database');
});
