// The direction of imports: that src/ keeps it, and that each rule can fail.

import { spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { projectPath, root } from '../helpers/project.ts';

const script = projectPath('scripts/check-imports.mjs');

function check(cwd: string, ...args: string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [script, ...args], { cwd, encoding: 'utf8' });
  return { status, lines: stdout.split('\n').filter(Boolean), stderr };
}

const circle = 'folders import each other in a circle';
const oneWay = 'boards and streams never import each other';
const events = 'events knows nobody who writes or reads the log';
const connections = 'only postgres/ makes connections; their types belong to *-store.ts, events/ and postgres/';
const sql = 'SQL lives in *-store.ts, events/ and postgres/';
const fastify = 'only *-plugin.ts, *-routes.ts and the files of the root know Fastify; others may name its types';
const environment = 'only server.ts and cli.ts read the environment; all others get their settings as arguments';
const ioredis = 'only redis/, liveness/ and presence/ know ioredis';

/** A tree of one rule: its files, and all that the script says about them. */
const cases: Array<{ name: string; tree: Record<string, Record<string, string>>; says: string[] }> = [
  {
    name: 'boards and streams, types too',
    tree: {
      boards: { 'a.ts': "\nimport type { Hub } from '../streams/hub.ts';" },
      streams: { 'hub.ts': '', 'a.ts': "export type { Board } from '../boards/a.ts';" },
    },
    says: [`boards/a.ts:2 imports ../streams/hub.ts: ${oneWay}`, `streams/a.ts:1 imports ../boards/a.ts: ${oneWay}`],
  },
  {
    name: 'events below all who use them',
    tree: {
      events: {
        'a.ts': "import '../boards/a.ts';",
        'b.ts': "import { hub } from '../streams/a.ts';",
        'c.ts': "const registry = await import('../liveness/a.ts');",
        'd.ts': "export * from '../presence/a.ts';",
      },
      boards: { 'a.ts': '' },
      streams: { 'a.ts': '' },
      liveness: { 'a.ts': '' },
      presence: { 'a.ts': '' },
    },
    says: [
      `events/a.ts:1 imports ../boards/a.ts: ${events}`,
      `events/b.ts:1 imports ../streams/a.ts: ${events}`,
      `events/c.ts:1 imports ../liveness/a.ts: ${events}`,
      `events/d.ts:1 imports ../presence/a.ts: ${events}`,
    ],
  },
  {
    name: 'the application with the client, the way and its own packages alone',
    tree: {
      web: {
        'a.ts': "import { connect } from '../client/b.ts';\nimport { html } from 'lit';\nimport pg from 'pg';",
        'b.ts': "import '../way/b.ts';\nimport type { Board } from '../boards/a.ts';",
      },
      way: { 'a.ts': "import './b.ts';\nimport type { Board } from '../boards/a.ts';", 'b.ts': '' },
      client: { 'a.ts': "import type { View } from '../web/b.ts';", 'b.ts': '' },
      boards: { 'a.ts': "import '../web/a.ts';" },
    },
    says: [
      'boards/a.ts:1 imports ../web/a.ts: web imports the client and the way alone, and nobody imports web',
      'client/a.ts:1 imports ../web/b.ts: web imports the client and the way alone, and nobody imports web',
      'way/a.ts:2 imports ../boards/a.ts: way runs in pages too, and imports nobody',
      'web/b.ts:2 imports ../boards/a.ts: web imports the client and the way alone, and nobody imports web',
      'web/a.ts:3 imports pg: web runs in pages, with Lit, signals and fractional indexing',
    ],
  },
  {
    name: 'client and server apart, the client without packages',
    tree: {
      client: { 'a.ts': "import type { Board } from '../boards/a.ts';\nimport pg from 'pg';" },
      boards: { 'a.ts': "import { connect } from '../client/b.ts';" },
    },
    says: [
      'boards/a.ts:1 imports ../client/b.ts: client and server never import each other',
      'client/a.ts:1 imports ../boards/a.ts: client and server never import each other',
      'client/a.ts:2 imports pg: client runs in pages, without any package',
    ],
  },
  {
    name: 'liveness knows streams, streams no liveness',
    tree: {
      liveness: { 'a.ts': "import { Stream } from '../streams/b.ts';" },
      streams: { 'a.ts': "type A = import('../liveness/a.ts').A;", 'b.ts': '' },
    },
    says: ['streams/a.ts:1 imports ../liveness/a.ts: liveness knows streams, not the other way round'],
  },
  {
    name: 'broadcasts on top of streams, beside boards',
    tree: {
      broadcasts: {
        'a.ts': "import { a } from '../streams/b.ts';",
        'b.ts': "import type { B } from '../boards/b.ts';",
      },
      streams: { 'a.ts': "import type { A } from '../broadcasts/b.ts';", 'b.ts': '' },
      boards: { 'b.ts': '' },
    },
    says: [
      'broadcasts/b.ts:1 imports ../boards/b.ts: a broadcast is no change of a board',
      'streams/a.ts:1 imports ../broadcasts/b.ts: broadcasts knows streams, not the other way round',
    ],
  },
  {
    name: 'presence on top, beside boards',
    tree: {
      liveness: {
        'a.ts': "import type { A } from '../presence/b.ts';",
        'b.ts': "import type { B } from '../boards/b.ts';",
      },
      presence: { 'a.ts': "import { a } from '../boards/b.ts';", 'b.ts': "import { a } from '../liveness/c.ts';" },
      boards: { 'b.ts': '' },
    },
    says: [
      'liveness/a.ts:1 imports ../presence/b.ts: presence knows liveness, not the other way round, and liveness no boards',
      'liveness/b.ts:1 imports ../boards/b.ts: presence knows liveness, not the other way round, and liveness no boards',
      'presence/a.ts:1 imports ../boards/b.ts: presence comes from the registry',
    ],
  },
  {
    name: 'rooms inside a folder',
    tree: {
      'streams/wire': { 'a.ts': "import type { Hub } from '../fan-out/a.ts';" },
      'streams/fan-out': { 'a.ts': "import { b } from '../stream.ts';\nimport type { C } from '../opening/a.ts';" },
      'streams/opening': { 'a.ts': "import type { D } from '../../boards/a.ts';" },
      streams: { 'stream.ts': "import { a } from './fan-out/b.ts';" },
      boards: { 'a.ts': '' },
    },
    says: [
      `streams/fan-out/a.ts:2 imports ../opening/a.ts: opening knows fan-out, not the other way round`,
      `streams/opening/a.ts:1 imports ../../boards/a.ts: ${oneWay}`,
      `streams/wire/a.ts:1 imports ../fan-out/a.ts: wire is the ground floor of streams`,
      `streams/fan-out/a.ts:1 imports ../stream.ts: ${circle}: streams/fan-out → streams → streams/fan-out`,
      `streams/stream.ts:1 imports ./fan-out/b.ts: ${circle}: streams → streams/fan-out → streams`,
    ],
  },
  {
    name: 'access below those whose work hangs on it',
    tree: { access: { 'a.ts': "import type { Stream } from '../streams/a.ts';" }, streams: { 'a.ts': '' } },
    says: ['access/a.ts:1 imports ../streams/a.ts: access is asked by those whose work hangs on it'],
  },
  {
    name: 'connections of PostgreSQL',
    tree: {
      postgres: { 'pool.ts': "import pg from 'pg';" },
      boards: {
        'board-store.ts': "import type { Pool } from 'pg';",
        'item-store.ts': "import { Pool } from 'pg';",
        'item.ts': "import { type Pool } from 'pg';",
      },
      events: { 'log.ts': "import type { Pool } from 'pg';", 'listener.ts': "import { type Pool, Client } from 'pg';" },
    },
    says: [
      `boards/item-store.ts:1 imports pg: ${connections}`,
      `boards/item.ts:1 imports pg: ${connections}`,
      `events/listener.ts:1 imports pg: ${connections}`,
    ],
  },
  {
    name: 'SQL',
    tree: {
      boards: { 'board-store.ts': 'pool.query(text);', 'board-routes.ts': 'const { after } = request.query;' },
      events: { 'log.ts': 'pool.query(text);' },
      ops: { 'metrics.ts': 'await app.pool.query(text);' },
    },
    says: [`ops/metrics.ts:1 imports .query(): ${sql}`],
  },
  {
    name: 'better-sse',
    tree: {
      streams: { 'a.ts': "import { createSession } from 'better-sse';" },
      liveness: { 'a.ts': "import type { Session } from 'better-sse';" },
    },
    says: ['liveness/a.ts:1 imports better-sse: only streams/ knows better-sse'],
  },
  {
    name: 'ioredis',
    tree: {
      redis: { 'a.ts': "import { Redis } from 'ioredis';" },
      liveness: { 'a.ts': "import type { Redis } from 'ioredis';" },
      presence: { 'a.ts': "import { Redis } from 'ioredis';" },
      streams: { 'a.ts': "import type { Redis } from 'ioredis';" },
      ops: { 'a.ts': "import { Command } from 'ioredis/built/Command.js';" },
    },
    says: [`ops/a.ts:1 imports ioredis/built/Command.js: ${ioredis}`, `streams/a.ts:1 imports ioredis: ${ioredis}`],
  },
  {
    name: 'Fastify',
    tree: {
      '.': { 'app.ts': "import Fastify from 'fastify';" },
      boards: {
        'boards-plugin.ts': "import fastifyPlugin from 'fastify-plugin';",
        'board-routes.ts': "import cookie from '@fastify/cookie';",
        'board.ts': "import type { FastifyRequest } from 'fastify';",
        'item.ts': "import Fastify, { type FastifyRequest } from 'fastify';",
        'member.ts': "import cookie from '@fastify/cookie';",
      },
    },
    says: [`boards/item.ts:1 imports fastify: ${fastify}`, `boards/member.ts:1 imports @fastify/cookie: ${fastify}`],
  },
  {
    name: 'the environment',
    tree: {
      '.': { 'server.ts': 'process.env.PORT;', 'cli.ts': 'process.env.PORT;', 'app.ts': 'process.env.PORT;' },
      boards: { 'a.ts': "import { env } from 'node:process';", 'b.ts': 'process.pid; // not process.env' },
    },
    says: [`app.ts:1 imports process.env: ${environment}`, `boards/a.ts:1 imports node:process: ${environment}`],
  },
  {
    name: 'circles of folders, of values only',
    tree: {
      '.': { 'errors.ts': '', 'app.ts': "import './a/a.ts';" },
      a: { 'a.ts': "import { b } from '../b/b.ts';\nimport { errors } from '../errors.ts';" },
      b: { 'b.ts': "import './c.ts';", 'c.ts': "import { d } from '../d/d.ts';" },
      d: { 'd.ts': "import { a } from '../a/b.ts';", 'e.ts': "import type { A } from '../e/a.ts';" },
      e: { 'a.ts': "import { d } from '../d/d.ts';" },
    },
    says: [
      `a/a.ts:1 imports ../b/b.ts: ${circle}: a → b → d → a`,
      `b/c.ts:1 imports ../d/d.ts: ${circle}: b → d → a → b`,
      `d/d.ts:1 imports ../a/b.ts: ${circle}: d → a → b → d`,
    ],
  },
  {
    name: 'circles of files, types too',
    tree: { a: { 'a.ts': "import type { B } from './b.ts';", 'b.ts': "import './c.ts';", 'c.ts': "import './a.ts';" } },
    says: [
      'a/a.ts:1 imports ./b.ts: files import each other in a circle: a/a.ts → a/b.ts → a/c.ts → a/a.ts',
      'a/b.ts:1 imports ./c.ts: files import each other in a circle: a/b.ts → a/c.ts → a/a.ts → a/b.ts',
      'a/c.ts:1 imports ./a.ts: files import each other in a circle: a/c.ts → a/a.ts → a/b.ts → a/c.ts',
    ],
  },
  {
    name: 'http without a database',
    tree: { http: { 'a.ts': "import { a } from '../postgres/a.ts';" }, postgres: { 'a.ts': '' } },
    says: ['http/a.ts:1 imports ../postgres/a.ts: http is told what an error of the database means'],
  },
  { name: 'no files', tree: { boards: {} }, says: ['holds no file to check'] },
];

// One run for all trees: most of its time goes into loading the TypeScript compiler.
const folder = t.testdir({});
for (const [index, { tree }] of cases.entries()) {
  for (const [room, files] of Object.entries(tree)) {
    mkdirSync(join(folder, `tree-${index}`, room), { recursive: true });
    for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, `tree-${index}`, room, name), text);
  }
}
const { status, lines, stderr } = check(folder, ...cases.map((_case, index) => `tree-${index}`));
t.equal(status, 1, stderr);

for (const [index, { name, says }] of cases.entries()) {
  t.test(name, async (t) => {
    const own = new RegExp(`^tree-${index}[ /]`);
    t.strictSame(
      lines.filter((line) => own.test(line)).map((line) => line.replace(own, '')),
      says,
    );
  });
}

t.test('src/ keeps the rules', async (t) => {
  const { status, lines, stderr } = check(root, 'src');
  t.strictSame(lines, [], stderr);
  t.equal(status, 0);
});
