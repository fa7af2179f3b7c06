// What requests cost, by the processor time of the node and of its PostgreSQL: reads of an item and of boards, writes of
// items, and a crowd that opens one large board.

import pg from 'pg';
import { Agent, request as send } from 'undici';
import { signUp, startBenchNode } from './bench-node.mjs';
import { childCpuMsOf, median, postgresPidOf } from './bench-processes.mjs';

const ROUNDS = Number(process.argv[2] ?? 5);
const SCALE = Number(process.argv[3] ?? 1);
const BOARDS = 200;
const CONNECTIONS = 32;
const CROWD = 1000;
const LARGE = 10_000;

const node = await startBenchNode();
const sql = new pg.Client({ connectionString: node.databaseUrl });
await sql.connect();
const postgresPid = await postgresPidOf(sql);
const agent = new Agent({ connections: CONNECTIONS });
const { cookie, post } = await signUp(node.url);

/** @param {string} path @param {Record<string, unknown>} [body] @param {Record<string, string>} [headers] */
async function ask(path, body, headers = {}) {
  const { statusCode, body: answer } = await send(node.url + path, {
    dispatcher: agent,
    method: body ? 'POST' : 'GET',
    headers: { cookie, ...(body && { 'content-type': 'application/json' }), ...headers },
    ...(body && { body: JSON.stringify(body) }),
  });
  await answer.dump({ limit: 1e9 });
  if (statusCode >= 400) throw new Error(`${path}: ${statusCode}`);
}

/** Each of its statements is a transaction. */
async function statements() {
  await sql.query('select pg_stat_clear_snapshot()');
  const { rows } = await sql.query(
    'select xact_commit::int as count from pg_stat_database where datname = current_database()',
  );
  return rows[0].count;
}

/** @param {string} name */
async function boardOf(name, notes = 0) {
  const { board } = await post('/boards', { name });
  await sql.query(
    `insert into teamboard.items (board_id, text, rank)
     select $1, 'Note ' || n, 'a' || chr(65 + n % 26) || 'V' from generate_series(1, $2::int) n`,
    [board.id, notes],
  );
  return board.id;
}

const one = await boardOf('One');
const { item } = await post(`/boards/${one}/items`, { text: 'Milk' });
const small = await boardOf('Small', 20);
const shared = await boardOf('Shared', 20);
const large = await boardOf('Large', LARGE);
/** @type {string[]} */
const boards = [];
while (boards.length < BOARDS) boards.push(await boardOf(`Board ${boards.length}`));
/** @type {string[]} */
const crowd = [];
while (crowd.length < CROWD) crowd.push((await signUp(node.url)).cookie);
await sql.query(
  `insert into teamboard.members (board_id, user_id, role)
   select board.id, users.id, 'editor' from teamboard.users, unnest($1::uuid[]) as board (id) on conflict do nothing`,
  [[shared, large]],
);
await sql.query('vacuum analyze');

/** @type {Record<string, { count: number, run: (index: number) => Promise<void> }>} */
const parts = {
  'GET /livez': { count: 4000, run: () => ask('/livez') },
  'GET an item': { count: 3000, run: () => ask(`/boards/${one}/items/${item.id}`) },
  'GET a board of 20 notes': { count: 2000, run: () => ask(`/boards/${small}`) },
  'GET a board of 20 notes, by its 1,000 members': {
    count: CROWD,
    run: (index) => ask(`/boards/${shared}`, undefined, { cookie: crowd[index % CROWD] ?? '' }),
  },
  'POST an item': {
    count: 2000,
    run: (index) => ask(`/boards/${boards[index % BOARDS]}/items`, { text: 'Milk' }),
  },
  'POST an item with a key': {
    count: 2000,
    run: (index) =>
      ask(`/boards/${boards[index % BOARDS]}/items`, { text: 'Milk' }, { 'idempotency-key': crypto.randomUUID() }),
  },
  'POST an item, all on one board': { count: 1000, run: () => ask(`/boards/${one}/items`, { text: 'Milk' }) },
  'GET a board of 10,000 notes': { count: 60, run: () => ask(`/boards/${large}`) },
  'GET a board of 10,000 notes, by its 1,000 members': {
    count: CROWD,
    run: (index) => ask(`/boards/${large}`, undefined, { cookie: crowd[index % CROWD] ?? '' }),
  },
};

const only = process.env.PARTS?.split(',');
for (const [name, { count: full, run }] of Object.entries(parts)) {
  if (only && !only.some((part) => name.includes(part))) continue;
  /** @type {Array<Record<'node' | 'postgres' | 'statements' | 'perSecond', number>>} */
  const rounds = [];
  const count = Math.ceil(full * SCALE);
  for (let round = 0; round <= ROUNDS; round += 1) {
    const before = {
      node: await node.cpuMs(),
      postgres: await childCpuMsOf(postgresPid),
      statements: await statements(),
    };
    const start = performance.now();
    let begun = 0;
    const next = async () => {
      while (begun < count) {
        begun += 1;
        await run(begun - 1);
      }
    };
    await Promise.all(Array.from({ length: CONNECTIONS }, next));
    const seconds = (performance.now() - start) / 1000;
    // What nodes read after the answers is theirs as well.
    await new Promise((resolve) => setTimeout(resolve, 200));
    const figures = {
      node: (await node.cpuMs()) - before.node,
      postgres: (await childCpuMsOf(postgresPid)) - before.postgres,
      statements: (await statements()) - before.statements,
      perSecond: count / seconds,
    };
    // The first round is for what is made once.
    if (round > 0) rounds.push(figures);
  }
  const of = (/** @type {'node' | 'postgres' | 'statements' | 'perSecond'} */ figure) =>
    median(rounds.map((figures) => figures[figure]));
  console.log(
    `${name}: ${((of('node') / count) * 1000).toFixed(0)} µs of the node, ${((of('postgres') / count) * 1000).toFixed(0)} µs of PostgreSQL, ` +
      `${(of('statements') / count).toFixed(2)} statements each; ${of('perSecond').toFixed(0)}/s`,
  );
}

await agent.close();
await sql.end();
await node.stop();
