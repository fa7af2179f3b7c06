// The commands of README.md and docs/, run as they stand there against a node on a free port.

import { spawn, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { EventSource } from 'eventsource';
import { createParser } from 'eventsource-parser';
import t from 'tap';
import { readJwtIssuers } from '../src/config/jwt-issuers.ts';
import { Client } from './helpers/client.ts';
import type { ReceivedFrame } from './helpers/event-stream.ts';
import { findFreePort } from './helpers/free-port.ts';
import { startNode, useDatabase } from './helpers/node.ts';
import { pages, textOf } from './helpers/pages.ts';
import { projectPath, root } from './helpers/project.ts';
import { noPrivateRedis, startPrivateRedis } from './helpers/redis.ts';
import { needs, run } from './helpers/shell.ts';
import { until } from './helpers/until.ts';

const database = await useDatabase(t);
const node = await startNode(t, database.url);

/** A block of commands, for the address of this test's node. */
const commandsOf = (...block: Parameters<typeof textOf>) =>
  textOf(...block).replaceAll('http://127.0.0.1:3000', node.url);

/** Of the commands, those that begin so: a test fails where the page has lost them. */
function linesOf(commands: string, ...beginnings: string[]): string {
  return beginnings
    .map((beginning) => {
      const line = commands.split('\n').find((candidate) => candidate.startsWith(beginning));
      if (line === undefined) throw new Error(`no line of the page begins with ${beginning}`);
      return line;
    })
    .join('\n');
}

/** What comes when it comes, between any two others. */
const BESIDE = new Set(['presence', 'heartbeat']);

function framesOf(text: string): ReceivedFrame[] {
  const frames: ReceivedFrame[] = [];
  const parser = createParser({
    onEvent: ({ id, event, data }) => {
      if (!BESIDE.has(String(event))) frames.push({ id, event, data: JSON.parse(data) });
    },
  });
  parser.feed(text);
  return frames;
}

const firstSteps = commandsOf('README.md', 'Try it');
/** What makes the guest of `jar` and the board of `$board`, which the other pages go on with. */
const jarAndBoard = linesOf(firstSteps, 'curl -sc jar', 'board=').replace('/guests', '/guests -o /dev/null');

t.test('the first steps', needs('curl'), async (t) => {
  // Its stream stays open until it is stopped.
  const commands = `${firstSteps.replace('& sleep 1', '> stream & until grep -qs ready stream; do sleep 0.1; done')}
    until grep -q Hello stream; do sleep 0.1; done; kill $!`;
  const { read } = await run(t, commands);
  t.match(framesOf(read('stream')), [{ event: 'ready' }, { event: 'changed', data: { object: { text: 'Hello' } } }]);
});

t.test('the same in a page', async (t) => {
  const lines: unknown[][] = [];
  let cookie = '';
  // What a page of this node has: its fetch sends the cookie, and addresses are those of the node.
  const pageFetch = async (path: string, init: RequestInit) => {
    const answer = await fetch(new URL(path, node.url), { ...init, headers: { ...init.headers, cookie } });
    cookie = answer.headers.get('set-cookie')?.split(';')[0] ?? cookie;
    return answer;
  };
  const opened: EventSource[] = [];
  class PageEventSource extends EventSource {
    constructor(path: string) {
      super(new URL(path, node.url), { fetch: (url, init) => pageFetch(String(url), init as RequestInit) });
      opened.push(this);
    }
  }
  t.teardown(() => opened.map((stream) => stream.close()));
  const script = commandsOf('README.md', 'Try it', 2);
  const AsyncFunction = Object.getPrototypeOf(async () => {}).constructor;
  const page = new AsyncFunction('fetch', 'EventSource', 'console', script);
  await page(pageFetch, PageEventSource, { log: (...line: unknown[]) => lines.push(line) });
  await until(() => lines.length === 2, 'both lines');
  t.match(lines, [
    ['all of it', { board: { name: 'Plans' }, items: [] }],
    ['a change', { resource: 'item', object: { text: 'Hello' } }],
  ]);
  t.ok(script.trim().split('\n').length <= 10, 'and it is short');
});

t.test('two terminals, and a stream that goes on (E2)', needs('curl', 'psql'), async (t) => {
  const [, name, query = ''] = /@\/(\w+)\?(.*)/.exec(database.url) ?? [];
  const server = new URLSearchParams(query);
  const first = commandsOf('docs/streams.md', 'Try it', 1);
  const second = commandsOf('docs/streams.md', 'Try it', 2).replace('postgres teamboard', `postgres ${name}`);
  const again = commandsOf('docs/streams.md', 'Try it', 3);
  const folder = mkdtempSync(join(tmpdir(), 'teamboard-readme-'));
  t.teardown(() => rmSync(folder, { recursive: true }));
  // The embedded database of the user; here it is that of the tests, which listens in a folder too.
  mkdirSync(join(folder, '.data/postgres'), { recursive: true });
  writeFileSync(join(folder, '.data/postgres/postmaster.pid'), `\n\n\n\n${server.get('host')}\n`);
  const { read } = await run(
    t,
    `${jarAndBoard}
    ${first.trimEnd()} > stream & stream=$!
    until grep -qs ready stream; do sleep 0.1; done
    ${second}
    until grep -q 'From psql' stream; do sleep 0.1; done; kill $stream`,
    folder,
  );
  const told = framesOf(read('stream'));
  t.match(told, [
    { event: 'ready' },
    { event: 'changed', data: { object: { text: 'Hello' }, actor: { name: 'Ada' } } },
    { event: 'changed', data: { object: { text: 'From psql' }, actor: null } },
  ]);
  const { read: readAgain } = await run(
    t,
    `${again.trimEnd().replace('<id>', String(told[1]?.id))} > again & until grep -q 'From psql' again; do sleep 0.1; done; kill $!`,
    folder,
  );
  t.match(framesOf(readAgain('again')), [
    { event: 'ready', data: { resumedFrom: told[1]?.id } },
    { event: 'changed', id: told[2]?.id },
  ]);
});

t.test('one’s own streams are named, and one is ended', needs('curl'), async (t) => {
  const { stdout } = await run(t, `${jarAndBoard}\n${commandsOf('docs/streams.md', 'Your own streams', 1)}`);
  t.match(stdout, /"streams":\[\{"streamId":"[^"]+",.*"behind":0/);
  t.match(stdout, /data:\{"reason":"rotated","retry":true\}/);
});

t.test('many boards on one stream, and pages of them (E2)', needs('curl'), async (t) => {
  const { stdout, read } = await run(t, `${jarAndBoard}\n${commandsOf('docs/streams.md', 'Many boards', 1)}`);
  const [ready, one, two] = framesOf(read('many')).filter(({ event }) => event === 'ready' || event === 'changed');
  const named = ready?.data.boards.map(({ boardId }: { boardId: string }) => boardId);
  t.strictSame([one?.data.boardId, two?.data.boardId], named);
  t.match(JSON.parse(stdout.split('\n').at(-1) ?? ''), {
    events: [],
    cursor: /^[A-Za-z0-9_-]{15,52}$/,
    hasMore: false,
  });
});

t.test(
  'two people: register, invite by link, both stream, conflict, removal ends the stream (E6)',
  needs('curl'),
  async (t) => {
    const { stdout, read } = await run(t, commandsOf('docs/sharing-and-conflicts.md', 'Two people, with curl'));
    const [registered = '', accepted = '', changed = '', conflict = '', ...end] = stdout.split('\n');
    t.match(JSON.parse(registered), { user: { name: 'Ada', guest: false } });
    t.match(JSON.parse(accepted), { board: { name: 'Plans' }, role: 'editor' });
    t.match(JSON.parse(changed), { item: { text: 'Milk and bread', version: 2 } });
    t.match(JSON.parse(conflict), {
      status: 412,
      code: 'TB_CONFLICT',
      current: { text: 'Milk and bread', version: 2 },
      base: { text: 'Milk', version: 1 },
      conflicts: [{ field: 'text', actor: { name: 'Ada' } }],
    });

    const bobs = framesOf(read('bob.stream'));
    t.match(bobs, [
      { event: 'ready' },
      { event: 'changed', data: { seq: 5, changes: ['text'], object: { text: 'Milk and bread' } } },
      { event: 'changed', data: { seq: 6, resource: 'member', action: 'deleted', object: { user: { name: 'Bob' } } } },
      { event: 'close', data: { reason: 'revoked', retry: false } },
    ]);
    t.equal(bobs.length, 4, 'and nothing after it');
    t.match(
      framesOf(read('ada.stream')).map(({ data }) => data.seq),
      [undefined, 5, 6],
    );

    const refusal = end.slice(-2).join('');
    t.match(JSON.parse(refusal), { status: 404, code: 'TB_NOT_FOUND' });
    const shown = end.slice(0, -2).join('\n');
    t.match(
      framesOf(`${shown}\n\n`),
      [{ event: 'changed', data: { seq: 6 } }, { event: 'close' }],
      'what `tail` shows',
    );
  },
);

t.test('a link', needs('curl'), async (t) => {
  const { stdout } = await run(t, `${jarAndBoard}\n${commandsOf('docs/sharing-and-conflicts.md', 'Sharing')}`);
  const [guest = '', accepted = ''] = stdout.split('\n');
  t.match(JSON.parse(guest), { user: { name: 'Bob' } });
  t.match(JSON.parse(accepted), { board: { name: 'Plans' }, role: 'editor' });
});

t.test('a token for programs', needs('curl'), async (t) => {
  const { stdout } = await run(t, commandsOf('docs/accounts.md', 'Who is calling'));
  t.match(stdout, /"boards":\[\]/);
});

t.test('a JWT of another application', needs('curl'), async (t) => {
  const [, setting] =
    /JWT_ISSUERS='(.*?)'/.exec(commandsOf('docs/jwt.md', "Your application's own users, by JWT")) ?? [];
  const example = await startNode(t, database.url, { jwtIssuers: readJwtIssuers(setting) });
  const script = commandsOf('docs/jwt.md', "Your application's own users, by JWT", 2).replaceAll(node.url, example.url);
  // Where the package jose is installed.
  const { stdout } = await run(t, script, root);
  t.match(stdout, /"user":\{"id":"[0-9a-f-]{36}","name":"Ada","guest":false,"email":null/);
  t.match(stdout, /"board":\{/);
});

t.test('a broadcast, and what the others are told', needs('curl'), async (t) => {
  const { read } = await run(
    t,
    `${jarAndBoard}; echo $board > board
    curl -sNb jar ${node.url}/boards/$board/events > stream & stream=$!
    until grep -qs ready stream; do sleep 0.1; done
    ${commandsOf('docs/presence-and-broadcasts.md', 'Cursors and typing')}
    until grep -q event:broadcast stream; do sleep 0.1; done; kill $stream`,
  );
  const [, broadcast] = framesOf(read('stream'));
  const [shown] = framesOf(`${commandsOf('docs/presence-and-broadcasts.md', 'Cursors and typing', 2)}\n`);
  t.match(broadcast, { event: 'broadcast', data: { name: 'cursor', data: { x: 12, y: 7 } } });
  // But for the ids and the time, what the page shows.
  const id = broadcast?.data.from.user.id;
  t.strictSame(
    { ...shown?.data, boardId: '', at: '', from: { user: { ...shown?.data.from.user, id } } },
    { ...broadcast?.data, boardId: '', at: '' },
  );
});

t.test('a batch', needs('curl'), async (t) => {
  const { stdout } = await run(t, `${jarAndBoard}\n${commandsOf('docs/writing.md', 'Batch')}`);
  t.match(JSON.parse(stdout), { results: [{ item: { text: 'New', version: 1 } }] });
});

t.test('a write by SQL, and a cursor of before a restore', needs('curl'), async (t) => {
  const item = `curl -sb jar --json '{"text":"Open"}' ${node.url}/boards/$board/items; cat jar`;
  const { stdout } = await run(t, `${jarAndBoard}\n${item}`);
  const [, boardId] = /"boardId":"([^"]+)"/.exec(stdout) ?? [];
  const [, itemId] = /"id":"([^"]+)"/.exec(stdout) ?? [];
  const [, session] = /tb_session\t(\S+)/.exec(stdout) ?? [];
  const [, userId] = /"createdBy":"([^"]+)"/.exec(stdout) ?? [];
  const pageOfLog = async (after = '') => {
    const response = await fetch(`${node.url}/boards/${boardId}/events${after && `?after=${after}`}`, {
      headers: { cookie: `tb_session=${session}`, accept: 'application/json' },
    });
    return { status: response.status, body: JSON.parse(await response.text()) };
  };
  const update = commandsOf('docs/writing-with-sql.md', 'Writing with SQL');
  await database.sql(update.replace('<user id>', String(userId)).replace('<item id>', String(itemId)));
  const { body } = await pageOfLog();
  t.match(body.events.at(-1), {
    object: { id: itemId, text: 'Done' },
    actor: { id: userId, name: 'Ada' },
    mutationId: 'import-17',
  });

  const boardsOf = async (name: string) =>
    database.sql<{ id: string; roles: string[] }>(
      `select boards.id, array_remove(array_agg(role), null) as roles
       from teamboard.boards left join teamboard.members on board_id = boards.id
       where boards.name = $1 group by boards.id`,
      [name],
    );
  const making = commandsOf('docs/writing-with-sql.md', 'A board that is made by SQL');
  await database.sql(making.replace('<user id>', String(userId)));
  t.match(await boardsOf('Imported'), [{ roles: ['owner'] }]);
  await database.sql(`insert into teamboard.boards (name) values ('Nobody''s')`);
  const [nobodys] = await boardsOf("Nobody's");
  t.same(nobodys?.roles, []);
  const giving = commandsOf('docs/writing-with-sql.md', 'A board that is made by SQL', 2);
  await database.sql(giving.replace('<user id>', String(userId)).replace('<board id>', String(nobodys?.id)));
  t.match(await boardsOf("Nobody's"), [{ roles: ['owner'] }]);

  const role = `reader_${process.pid}`;
  t.teardown(() => database.sql(`drop owned by ${role}; drop role ${role}`));
  await database.sql(`create role ${role}`);
  const owning = commandsOf('docs/writing-with-sql.md', 'A database that is shared', 1).replaceAll('<role>', role);
  const granting = commandsOf('docs/writing-with-sql.md', 'A database that is shared', 2).replaceAll('<role>', role);
  await database.sql(owning.replace('teamboard', 'another'));
  await database.sql(`${granting}; set role ${role}; delete from teamboard.items where text = 'Done'; reset role`);
  t.same(await database.sql(`select from teamboard.items where id = $1`, [itemId]), []);

  await database.sql(commandsOf('docs/restore.md', 'Restoring a backup'));
  const { body: fromThen } = await pageOfLog(body.cursor);
  t.match(fromThen, { reset: { reason: 'epoch' } });
});

t.test('the time limits of a role behind PgBouncer', async (t) => {
  const role = `role_${database.url.match(/test_(\w+)/)?.[1]}`;
  await database.sql(`create role ${role}`);
  t.teardown(() => database.sql(`drop role ${role}`));
  await database.sql(commandsOf('docs/pgbouncer.md', 'Behind PgBouncer').replaceAll('role teamboard', `role ${role}`));
  t.same(await database.sql('select rolconfig from pg_roles where rolname = $1', [role]), [
    { rolconfig: ['statement_timeout=5s', 'lock_timeout=2s', 'idle_in_transaction_session_timeout=10s'] },
  ]);
});

t.test('two nodes on a Redis', { ...needs('curl'), ...(noPrivateRedis && { skip: noPrivateRedis }) }, async (t) => {
  const redis = await startPrivateRedis();
  t.teardown(() => redis.stop());
  const [first, second] = [await findFreePort(), await findFreePort()];
  const commands = commandsOf('docs/redis.md', 'Two nodes, with Redis')
    // Built already, with the tests, into another folder: other tests run what lies in dist/ meanwhile.
    .replace('npm run build\n', '')
    .replaceAll('dist/cli.js', projectPath('build/src/cli.js'))
    .replace(/(?<=DATABASE_URL=)\S+/, `'${database.url}'`)
    .replace(/(?<=REDIS_URL=)\S+/, redis.url)
    .replace('PORT=3001', `PORT=${first}`)
    .replace('PORT=3002', `PORT=${second}`)
    .replace('serve &', 'serve > first & nodes=$!')
    .replace('serve &', 'serve > second & nodes+=" $!"');
  const { stdout, read } = await run(
    t,
    `nodes=; trap 'kill -INT $nodes; wait' EXIT
    ${commands}
    for port in ${first} ${second}; do until curl -sf http://127.0.0.1:$port/livez > /dev/null; do sleep 0.1; done; done
    ${jarAndBoard.replaceAll(node.url, `http://127.0.0.1:${first}`)}
    curl -sNb jar http://127.0.0.1:${first}/boards/$board/events > stream & stream=$!
    until grep -qs ready stream; do sleep 0.1; done
    curl -sb jar http://127.0.0.1:${second}/boards/$board/presence; kill $stream`,
  );
  const greeting = commandsOf('README.md', 'Two commands', 2).trim().replaceAll(node.url, `http://127.0.0.1:${first}`);
  t.ok(read('first').includes(greeting), 'what the README shows that it prints');
  t.match(JSON.parse(stdout), { users: [{ user: { name: 'Ada' }, streams: 1 }] }, 'each knows the streams of both');
});

t.test('the document of a running node leads to the pages', async (t) => {
  const document = (await (await fetch(`${node.url}/openapi.json`)).json()) as { info: { description: string } };
  const named = [...document.info.description.matchAll(/`(\S+\.md)`/g)].map(([, path = '']) => path);
  t.ok(named.length >= 3);
  for (const path of named) t.ok(pages.includes(path), path);
});

t.test('a board as it was, and what happened to a note', needs('curl'), async (t) => {
  const { stdout } = await run(t, `${jarAndBoard}\n${commandsOf('docs/history.md', 'What was it before')}`);
  // The one answer begins where the other ends.
  const [then = '', history = ''] = stdout.split(/(?<=\})(?=\{"events")/);
  t.match(JSON.parse(then), { items: [{ text: 'Draft' }], members: [{ user: { name: 'Ada' } }] });
  t.match(JSON.parse(history), {
    events: [
      { action: 'deleted', object: { text: 'Draft' } },
      { action: 'created', object: { text: 'Draft' } },
    ],
    next: null,
  });
});

t.test('clients in other languages', async (t) => {
  const ada = await Client.signUp(node, 'Ada');
  const { body: made } = await ada.post('/boards', { name: 'Plans' });
  const { body: created } = await ada.post('/tokens', { name: 'a client' });
  const variables = Object.entries({ board: made.board.id, token: created.secret });
  const [php, plain] = ['$', ''].map((sign) =>
    variables.map(([name, value]) => `${sign}${name} = '${value}';\n`).join(''),
  );
  const clients = [
    { program: 'php', begin: `<?php\n${php}`, script: commandsOf('docs/client-libraries.md', 'PHP') },
    { program: 'ruby', begin: `$stdout.sync = true\n${plain}`, script: commandsOf('docs/client-libraries.md', 'Ruby') },
    {
      program: '/usr/bin/python3',
      begin: plain,
      script: commandsOf('docs/client-libraries.md', 'Python'),
      has: ['-c', 'import httpx'],
    },
  ];
  for (const { program, begin, script, has = ['--version'] } of clients) {
    const skip = spawnSync(program, has).status === 0 ? false : `needs ${program} ${has.join(' ')}`;
    await t.test(program, { skip }, async (t) => {
      const folder = mkdtempSync(join(tmpdir(), 'teamboard-readme-'));
      const file = join(folder, 'client');
      writeFileSync(file, begin + script.replace("'127.0.0.1', 3000", `'127.0.0.1', ${node.port}`));
      const client = spawn(program, [file], { stdio: ['ignore', 'pipe', 'inherit'] });
      t.teardown(() => {
        client.kill('SIGKILL');
        rmSync(folder, { recursive: true });
      });
      let told = '';
      client.stdout.on('data', (data) => {
        told += data;
      });
      await until(() => told.includes('event:ready'), 'the stream');
      await ada.post(`/boards/${made.board.id}/items`, { text: `Read by ${program}` });
      await until(() => told.includes(`"text":"Read by ${program}"`), 'the event');
      t.pass('each event comes when it is written');
    });
  }
});
