// The two clients of docs/clients.md, as they stand there, against a node that dies, forgets, falls silent and refuses.

import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { Client } from './helpers/client.ts';
import { findFreePort } from './helpers/free-port.ts';
import { useDatabase } from './helpers/node.ts';
import { textOf } from './helpers/pages.ts';
import { spawnNode } from './helpers/process.ts';
import { needs } from './helpers/shell.ts';
import { until } from './helpers/until.ts';

/** Of the page 45 s. */
const SILENCE_SECONDS = 3;
const shorter = (text: string) => {
  const short = text
    .replaceAll('45_000', String(1000 * SILENCE_SECONDS))
    .replace('timeout=45', `timeout=${SILENCE_SECONDS}`);
  if (short === text) throw new Error('the client has no time-out of 45 s');
  return short;
};

const clients = [
  {
    name: 'JavaScript',
    program: process.execPath,
    files: {
      'board.mjs': textOf('docs/clients.md', 'In JavaScript'),
      'show.mjs': textOf('docs/clients.md', 'In JavaScript', 2),
    },
  },
  {
    name: 'Python',
    program: 'python3',
    files: { 'board.py': textOf('docs/clients.md', 'In Python'), 'show.py': textOf('docs/clients.md', 'In Python', 2) },
  },
];

/** Runs what prints the notes; is ended with the test. */
function startClient(t: Test, { program, files }: (typeof clients)[number], args: string[]) {
  const folder = mkdtempSync(join(tmpdir(), 'teamboard-clients-'));
  const [board, show] = Object.entries(files);
  if (!board || !show) throw new Error('unreachable');
  writeFileSync(join(folder, board[0]), shorter(board[1]));
  writeFileSync(join(folder, show[0]), show[1]);
  const { PATH, HOME } = process.env;
  const child = spawn(program, [join(folder, show[0]), ...args], { env: { PATH, HOME, PYTHONDONTWRITEBYTECODE: '1' } });
  t.teardown(() => {
    child.kill('SIGKILL');
    rmSync(folder, { recursive: true, force: true });
  });
  let [printed, complaints] = ['', ''];
  child.stdout.on('data', (data) => {
    printed += data;
  });
  child.stderr.on('data', (data) => {
    complaints += data;
  });
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
  return {
    ended,
    get lines() {
      return printed.split('\n').slice(0, -1);
    },
    get complaints() {
      return complaints.split('\n').slice(0, -1);
    },
    says: (line: string) => until(() => printed.split('\n').includes(line), `"${line}" in ${printed}${complaints}`),
  };
}

t.test('clients of 40 lines', { jobs: clients.length }, async (t) => {
  for (const client of clients) {
    const { name, program, files } = client;
    t.test(name, { ...needs(program), buffered: true }, async (t) => {
      const [code = ''] = Object.values(files);
      t.ok(code.trimEnd().split('\n').length <= 40, 'it has 40 lines at most');
      const database = await useDatabase(t);
      const environment = { DATABASE_URL: database.url, PORT: String(await findFreePort()), HEARTBEAT_SECONDS: '1' };
      let node = await spawnNode(t, environment);
      const ada = await Client.signUp(node, 'Ada');
      const eve = await Client.signUp(node, 'Eve');
      const id = await ada.createBoard();
      const path = `/boards/${id}`;
      await ada.post(`${path}/members`, { userId: eve.user.id, role: 'viewer' });
      const { secret } = (await eve.post('/tokens', { name: 'a client' })).body;
      const add = (text: string) =>
        database.sql('insert into teamboard.items (board_id, text) values ($1, $2)', [id, text]);

      const page = startClient(t, client, [node.url + path, secret]);
      await page.says('Plans: ');
      await ada.post(`${path}/items`, { text: 'Milk' });
      await page.says('Plans: Milk');
      await ada.patch(path, { name: 'Shopping' });
      await page.says('Shopping: Milk');

      node.kill('SIGKILL');
      await node.exit();
      await add('Bread');
      await add('Salt');
      node = await spawnNode(t, environment);
      await page.says('Shopping: Milk, Bread, Salt');
      t.strictSame(
        page.lines,
        ['Plans: ', 'Plans: Milk', 'Shopping: Milk', 'Shopping: Milk, Bread', 'Shopping: Milk, Bread, Salt'],
        'each change once, also those of the time without a node (E1, E2)',
      );

      node.kill('SIGKILL');
      await node.exit();
      await database.sql(`delete from teamboard.items where board_id = $1 and text = 'Bread'`, [id]);
      await database.sql('update teamboard.log_epoch set value = gen_random_uuid()');
      node = await spawnNode(t, environment);
      await page.says('Shopping: Milk, Salt');
      t.equal(page.lines.length, 6, 'and of another history the whole, at once');

      const before = page.complaints.length;
      node.kill('SIGSTOP');
      await until(() => page.complaints.length > before, 'the client to cut what is silent');
      node.kill('SIGCONT');
      await add('Pepper');
      await page.says('Shopping: Milk, Salt, Pepper');

      await ada.delete(`${path}/members/${eve.user.id}`);
      t.equal(await page.ended, 0);
      t.equal(page.lines.at(-1), 'closed: revoked');
      for (const [token, reason] of [
        [secret, 'refused: 404'],
        ['tb_nobody', 'refused: 401'],
      ] as const) {
        const refused = startClient(t, client, [node.url + path, token]);
        t.equal(await refused.ended, 0);
        t.strictSame(refused.lines, [reason], 'and does not come back');
      }
      node.kill('SIGINT');
      await node.exit();
    });
  }
});
