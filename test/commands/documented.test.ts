// The commands of docs/cli.md, as they stand there.

import { execFile } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import t, { type Test } from 'tap';
import { Client } from '../helpers/client.ts';
import { startNode, useDatabase } from '../helpers/node.ts';
import { textOf } from '../helpers/pages.ts';
import { projectPath, readProjectFile } from '../helpers/project.ts';

/** Runs the block of commands in a folder in which `npx teamboard` is the one that the tests have built. */
export async function runBlock(t: Test, heading: string, environment: Record<string, string>): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'teamboard-cli-'));
  t.teardown(() => rmSync(folder, { recursive: true }));
  const npx = join(folder, 'npx');
  writeFileSync(npx, `#!/bin/sh\nshift\nexec ${process.execPath} ${projectPath('build/bundled/cli.js')} "$@"\n`);
  chmodSync(npx, 0o755);
  const { stdout } = await promisify(execFile)('bash', ['-euo', 'pipefail', '-c', textOf('docs/cli.md', heading)], {
    cwd: folder,
    timeout: 300_000,
    env: { PATH: `${folder}:${process.env.PATH}`, LOG_LEVEL: 'silent', ...environment },
  });
  return stdout;
}

t.test('looking around, accounts, and a board as a file', async (t) => {
  const { url } = await useDatabase(t);
  const node = await startNode(t, url);
  const account = { name: 'Ada', email: 'ada@example.org', password: 'correct horse' };
  const ada = await Client.keep(node, account);
  const boardId = (await ada.post('/boards', { name: 'Plans', key: 'plans' })).body.board.id as string;
  const looked = (await runBlock(t, 'Looking around', { DATABASE_URL: url })).split('\n');
  t.equal(looked[0], JSON.parse(readProjectFile('package.json')).version);
  t.equal(looked[1], 'Nothing to do.');
  t.match(looked[3], new RegExp(`^${boardId}  plans  Plans  1 +0 +0 +2 +20`));
  t.match(JSON.parse(looked[4] ?? ''), { id: boardId, key: 'plans', name: 'Plans', members: 1, items: 0, head: 2 });

  const filed = await runBlock(t, 'A board as a file', { DATABASE_URL: url });
  t.match(filed, /^Imported board [0-9a-f-]{36}: 0 items, 1 members\.\n$/);
  const accounts = await runBlock(t, 'Accounts', { DATABASE_URL: url });
  t.match(accounts, /^email +ada@example\.org$/m);
  t.match(accounts, /^sessions +1$/m);
  t.match(
    accounts,
    /^ada@example\.org has a new password, and is signed out\.\nAda: 0 sessions ended, and all streams\.\n$/m,
  );
  t.equal((await ada.get('/session')).status, 401);
  const signIn = (password: string) => Client.nobody(node).post('/session', { email: account.email, password });
  t.equal((await signIn(account.password)).status, 401);
  t.equal((await signIn('correct horse battery')).status, 201);
});

t.test('finding out what is wrong', async (t) => {
  const { url } = await useDatabase(t);
  const node = await startNode(t, url, { heartbeatSeconds: 1 });
  const told = await runBlock(t, 'Finding out what is wrong', { DATABASE_URL: url, PUBLIC_URL: node.url });
  t.match(told, /^ok {7}LISTEN /m);
  t.match(told, /^ok {7}silence /m);
  t.match(told, /^\{"check":"node","state":"ok","text":"Node /m);
});
