// What fails while a node runs and is no outage: a grant that is missing, or a fault of ours. Whoever needs it says so.

import { randomBytes, randomUUID } from 'node:crypto';
import fileSystem from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';
import { pino } from 'pino';
import t, { type Test } from 'tap';
import { LoggedFailures } from '../../src/background/failures.ts';
import { Outage, parts } from '../../src/liveness/outage.ts';
import { VanishedClients } from '../../src/liveness/vanished-clients.ts';
import { DedicatedConnection } from '../../src/postgres/dedicated-connection.ts';
import { UserNames } from '../../src/presence/user-names.ts';
import { timings } from '../../src/timings.ts';
import { Client } from '../helpers/client.ts';
import { openStream } from '../helpers/event-stream.ts';
import { holdBoard } from '../helpers/hub-board.ts';
import { startNode, type TestNode, useDatabase } from '../helpers/node.ts';
import { openBoard } from '../helpers/open-board.ts';
import { expectTold, openPresent } from '../helpers/presence.ts';
import { until } from '../helpers/until.ts';

const role = `node_${randomBytes(6).toString('hex')}`;
const database = await useDatabase(t);
const { sql } = database;
await sql(`create role ${role}; grant usage on schema teamboard to ${role};
  grant all on all tables in schema teamboard to ${role}; grant all on all sequences in schema teamboard to ${role}`);
t.teardown(() => sql(`drop owned by ${role}; drop role ${role}`));
/** With grants of its own, as the README tells operators to have it. */
const restricted = `${database.url}&options=-c%20role%3D${role}`;
const settings = { heartbeatSeconds: 60, presenceHandoverSeconds: 0 };
const node = await startNode(t, restricted, settings);
/** Does all that the other one may not do. */
const beside = await startNode(t, database.url, settings);
const ada = await Client.signUp(beside, 'Ada');

type Line = Record<string, unknown>;
const isTold = (line: Line, owner: string) => line.owner === owner;

/** @returns what the owners have logged since this call, each with its name */
function listenTo({ logged }: TestNode) {
  const from = logged.length;
  const since = () => logged.slice(from).filter(({ owner }) => owner !== undefined);
  return {
    since,
    /** Failed, or failed and healed: and nobody else has. */
    expect: async (t: Test, owners: string[], linesOfEach: number) => {
      const lines = () => owners.map((owner) => since().filter((line) => isTold(line, owner)).length);
      await until(() => lines().every((count) => count >= linesOfEach), `${owners}: ${JSON.stringify(since())}`);
      t.strictSame(
        since()
          .map(({ owner }) => owner)
          .sort(),
        owners.flatMap((each) => Array(linesOfEach).fill(each)),
      );
      for (const owner of owners) {
        const own = since().filter((line) => isTold(line, owner));
        t.strictSame(
          own.map(({ level }) => level),
          [40, 30].slice(0, linesOfEach),
          `${owner}: failing, then healed`,
        );
        t.match(own[0], { reason: /^permission denied/, err: { stack: String } }, 'and why');
      }
    },
  };
}

/** Counts how often it is tried. */
function countCalls(t: Test, place: object, method: string): () => number {
  const holder = place as Record<string, (...given: unknown[]) => unknown>;
  const original = holder[method];
  let calls = 0;
  holder[method] = (...given) => {
    calls += 1;
    return original?.apply(place, given);
  };
  t.teardown(() => {
    if (original) holder[method] = original;
  });
  return () => calls;
}

function recordingLog() {
  const lines: Line[] = [];
  return { lines, log: pino({ level: 'info' }, { write: (line: string) => void lines.push(JSON.parse(line)) }) };
}

async function withoutGrant(t: Test, grant: string, work: () => Promise<void>): Promise<void> {
  const [privilege, table] = grant.split(' on ');
  const give = () => sql(`grant ${privilege} on teamboard.${table} to ${role}`);
  t.teardown(give);
  await sql(`revoke ${privilege} on teamboard.${table} from ${role}`);
  await work();
  await give();
}

t.test(
  'streams that cannot be reset wait, all are told of in one line, and no other board suffers (E5, E6)',
  async (t) => {
    const { boardId, stream: left } = await openBoard(t, node, ada);
    const { boardId: otherId, stream: other } = await openBoard(t, node, ada);
    const plain = await openStream(t, node.url, boardId, ada);
    const withSnapshots = await openStream(t, node.url, boardId, { ...ada, query: '?snapshot=true' });
    await Promise.all([plain.next('ready'), withSnapshots.next('snapshot')]);
    const log = listenTo(node);
    await withoutGrant(t, 'select on members', async () => {
      const tries = [countCalls(t, node.app.places, 'read'), countCalls(t, node.app.snapshots, 'readInTurn')];
      const board = await holdBoard(node, boardId);
      board.skipTo(board.head, 'gap');
      node.app.hub.release(board);
      await log.expect(t, ['resets'], 1);
      left.close();
      await ada.post(`/boards/${boardId}/items`, { text: 'before the reset' });
      await ada.post(`/boards/${otherId}/items`, { text: 'beside' });
      await other.next('changed');
      await until(() => tries.every((count) => count() >= 2), 'another try');
      await log.expect(t, ['resets'], 1);
    });
    await Promise.all([
      plain.next('reset'),
      withSnapshots.next('snapshot', ({ data }) => data.items.length === 1),
      log.expect(t, ['resets'], 2),
    ]);
    await ada.post(`/boards/${boardId}/items`, { text: 'after it' });
    for (const each of [plain, withSnapshots]) await each.next('changed', ({ data }) => data.seq === 4);
  },
);

t.test('a stream that ends while it waits for its reset is waited for no more (E5)', async (t) => {
  const { boardId, streams } = await openBoard(t, node, ada);
  const log = listenTo(node);
  await withoutGrant(t, 'select on members', async () => {
    const board = await holdBoard(node, boardId);
    board.skipTo(board.head, 'gap');
    node.app.hub.release(board);
    await log.expect(t, ['resets'], 1);
    for (const stream of streams) stream.close();
    await log.expect(t, ['resets'], 2);
  });
});

const owners = {
  hub: { grant: 'select on board_log', provoke: () => node.app.hub.sweep() },
  'access watch': { grant: 'select on sessions', provoke: () => node.app.accessWatch.recheck() },
  'log reader': {
    grant: 'select on board_events',
    provoke: (boardId: string) => ada.post(`/boards/${boardId}/items`, { text: 'read later' }),
  },
};

for (const [owner, { grant, provoke }] of Object.entries(owners)) {
  t.test(`a missing grant is told once, and so is its return (${owner}) (E4, E6)`, async (t) => {
    const { boardId, stream } = await openBoard(t, node, ada);
    const log = listenTo(node);
    await withoutGrant(t, grant, async () => {
      await provoke(boardId);
      await log.expect(t, [owner], 1);
      await provoke(boardId);
    });
    await log.expect(t, [owner], 2);
    await ada.post(`/boards/${boardId}/items`, { text: 'after it' });
    await stream.next('changed', ({ data }) => data.object.text === 'after it');
  });
}

t.test('who comes is told of when there is a name again; who leaves, at once; and the failure once (E7)', async (t) => {
  const { boardId } = await openBoard(t, node, ada);
  const [eve, bob] = [await Client.signUp(beside, 'Eve'), await Client.signUp(beside, 'Bob')];
  const join = `insert into teamboard.members (board_id, user_id, role) values ($1, $2, 'viewer')`;
  for (const { user } of [eve, bob]) await sql(join, [boardId, user.id]);
  const adas = await openPresent(t, node, boardId, ada);
  const eves = await openPresent(t, node, boardId, eve);
  await expectTold(t, adas, ['join Eve']);
  const { pool } = node.app;
  const query = pool.query;
  let tries = 0;
  const refuse = (...given: unknown[]) => {
    if ((given[0] as { name?: string }).name !== 'presence-names') return Reflect.apply(query, pool, given);
    tries += 1;
    return Promise.reject(Object.assign(new Error('permission denied for table users'), { code: '42501' }));
  };
  const restore = () => void Object.assign(pool, { query });
  t.teardown(restore);
  const log = listenTo(node);
  Object.assign(pool, { query: refuse });
  const bobs = await openStream(t, node.url, boardId, bob);
  await log.expect(t, ['presence'], 1);
  eves.close();
  await expectTold(t, adas, ['join Eve', 'leave Eve']);
  t.strictSame(bobs.presence, [], 'no sync in which its own user is missing');
  const triedBefore = tries;
  await until(() => tries > triedBefore, 'another try');
  await log.expect(t, ['presence'], 1);
  restore();
  await expectTold(t, adas, ['join Eve', 'leave Eve', 'join Bob']);
  await log.expect(t, ['presence'], 2);
  await until(() => bobs.presence.length > 0, 'the sync');
  t.match(bobs.presence, [{ action: 'sync', users: [{ id: ada.user.id }, { id: bob.user.id }] }]);
});

t.test('a connection that the database refuses after an outage is told of once more (E4, E8)', async (t) => {
  const { log, lines } = recordingLog();
  let pid: number | undefined;
  let attempts = 0;
  const connection = new DedicatedConnection({
    connectionString: restricted,
    schema: 'teamboard',
    name: 'refused',
    log,
    onConnect: async (client) => {
      attempts += 1;
      const { rows } = await client.query('select pg_backend_pid() as pid, count(*) from :schema.members');
      pid = rows[0].pid;
    },
    probe: async () => {},
    timings: timings.connections,
  });
  t.teardown(() => connection.stop());
  await connection.start();
  await withoutGrant(t, 'select on members', async () => {
    await sql('select pg_terminate_backend($1)', [pid]);
    await until(() => attempts >= 4, 'more attempts');
  });
  await until(() => connection.client, 'the connection');
  t.match(lines, [
    { level: 40, connection: 'refused', reason: /^terminating connection/ },
    { level: 40, connection: 'refused', reason: /^permission denied/ },
    { level: 30, connection: 'refused', msg: 'connection is back' },
  ]);
  t.equal(lines.length, 3);
});

t.test('what Redis refuses after an outage is told of once more (E8)', (t) => {
  const { log, lines } = recordingLog();
  const outage = new Outage({ log });
  const reply = (message: string) => Object.assign(new Error(message), { name: 'ReplyError' });
  for (const part of parts) outage.recovered(part);
  outage.failed('lease', new Error('connect ECONNREFUSED'));
  outage.failed('lease', reply('LOADING Redis is loading the dataset in memory'));
  for (const part of ['lease', 'changes'] as const) outage.failed(part, reply('NOPERM no permissions to run hset'));
  outage.recovered('lease');
  outage.recovered('changes');
  outage.failed('reaper', new TypeError('x is not a function'));
  outage.failed('reaper', new TypeError('x is not a function'));
  outage.recovered('reaper');
  t.strictSame(
    lines.map(({ msg }) => String(msg).replace(/;.*/, '')),
    [
      'redis is away: connect ECONNREFUSED',
      'redis refuses: REDIS_URL: its user lacks a right: give it those of docs/redis.md (ACL SETUSER)',
      'redis is back',
      'redis is not used as it should be: x is not a function',
      'redis is back',
    ],
  );
  t.end();
});

t.test('a failover is an outage, and nothing that somebody has to mend (E8)', (t) => {
  const { log, lines } = recordingLog();
  const reply = (message: string) => Object.assign(new Error(message), { name: 'ReplyError' });
  const unblocked = reply(
    'UNBLOCKED force unblock from blocking operation, instance state changed (master -> replica?)',
  );
  const replies = [
    unblocked,
    reply("READONLY You can't write against a read only replica."),
    reply('MOVED 1 10.0.0.2:1'),
  ];
  const tell = (isCluster: boolean, error: Error) => {
    const outage = new Outage({ log, isCluster });
    for (const part of parts) outage.recovered(part);
    outage.failed('lease', error);
    // Also where it is what broke the connection.
    outage.explain(error);
    outage.failed('changes', new Error('Connection is closed.'));
    return lines.splice(0).map(({ msg }) => String(msg).split(/[:;]/)[0]);
  };
  for (const error of replies)
    t.strictSame(tell(true, error), ['redis is away'], `in a Redis Cluster: ${error.message}`);
  t.strictSame(tell(false, unblocked), ['redis is away'], 'a server that is a replica from now on');
  t.strictSame(tell(false, replies[1] as Error), ['redis refuses'], 'and one that is meant to be one');
  t.strictSame(tell(false, replies[2] as Error), ['redis refuses'], 'one node of a Redis Cluster');
  t.end();
});

t.test('a session is good whose end cannot be put off, and the log says so once (E6)', async (t) => {
  const bob = await Client.signUp(node, 'Bob');
  await sql(`update teamboard.sessions set expires_at = now() + interval '1 day' where user_id = $1`, [bob.user.id]);
  const log = listenTo(node);
  await withoutGrant(t, 'update on sessions', async () => {
    for (let request = 0; request < 3; request += 1) t.equal((await bob.get('/session')).status, 200);
    await log.expect(t, ['sessions'], 1);
  });
  await bob.get('/session');
  await log.expect(t, ['sessions'], 2);
});

t.test('a name that cannot be read again stays as it is, and the log says so once (E7)', async (t) => {
  const { log, lines } = recordingLog();
  let now = 0;
  t.intercept(performance, 'now', { value: () => now });
  const id = randomUUID();
  let answer: () => Promise<Map<string, string>> = async () => new Map([[id, 'Ada']]);
  const failures = new LoggedFailures({ log, owner: 'names', failing: 'no', healed: 'yes', isOutage: () => false });
  const names = new UserNames({ read: () => answer() }, failures);
  const ask = async () => {
    now += 61_000;
    t.strictSame(await names.of([id]), [{ id, name: 'Ada' }]);
    // What was begun beside the answer has ended.
    await new Promise(setImmediate);
    return lines.map(({ level }) => level);
  };
  t.strictSame(await ask(), []);
  answer = () => Promise.reject(new Error('permission denied for table users'));
  t.strictSame(await ask(), [40]);
  t.strictSame(await ask(), [40]);
  answer = async () => new Map([[id, 'Ada']]);
  t.strictSame(await ask(), [40, 30]);
});

const unreadable = {
  'that is no such table': async () => 'sl local remote\n 0: 0100007F:1F90 NOWHERE:0001 01 00000001:00000000 0 0 0',
  'for which no descriptor is left': () =>
    Promise.reject(Object.assign(new Error('too many open files'), { code: 'EMFILE' })),
};

for (const [name, readFile] of Object.entries(unreadable)) {
  t.test(`a table of connections ${name} is told of (E5)`, async (t) => {
    const { log, lines } = recordingLog();
    const { readFile: original } = fileSystem;
    const setReadFile = (value: unknown) => {
      Object.assign(fileSystem, { readFile: value });
      syncBuiltinESMExports();
    };
    setReadFile(readFile);
    t.teardown(() => setReadFile(original));
    const vanishedClients = new VanishedClients({ streams: [], log, timings: timings.vanishedClients });
    t.teardown(() => vanishedClients.stop());
    vanishedClients.start();
    await until(() => lines.length > 0, 'a line');
    t.match(lines, [{ level: 40, owner: 'vanished clients' }]);
  });
}
