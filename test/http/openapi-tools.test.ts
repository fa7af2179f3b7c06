// The document in the hands of those who read it for others: validators, a linter, and a generator of typed clients.

import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import SwaggerParser from '@apidevtools/swagger-parser';
import openapiTypescript, { astToString } from 'openapi-typescript';
import t from 'tap';
import ts from 'typescript';
import { Client } from '../helpers/client.ts';
import { startNode, useDatabase } from '../helpers/node.ts';
import { projectPath } from '../helpers/project.ts';

const database = await useDatabase(t);
const node = await startNode(t, database.url);
const text = await (await fetch(`${node.url}/openapi.json`)).text();
const folder = mkdtempSync(join(tmpdir(), 'teamboard-openapi-'));
t.teardown(() => rmSync(folder, { recursive: true, force: true }));

t.test('validators and the linter find nothing to say', async (t) => {
  await t.resolves(SwaggerParser.validate(JSON.parse(text)), 'swagger-parser');
  const file = join(folder, 'openapi.json');
  writeFileSync(file, text);
  const redocly = projectPath('node_modules/@redocly/cli/bin/cli.js');
  // Strict: what is a warning by the recommended rules is an error.
  const lint = promisify(execFile)(process.execPath, [redocly, 'lint', file, '--extends', 'recommended-strict'], {
    cwd: folder,
    env: { ...process.env, REDOCLY_TELEMETRY: 'off', REDOCLY_SUPPRESS_UPDATE_NOTICE: 'true' },
  });
  await lint.catch((error: { stdout: string; stderr: string }) => t.fail(`${error.stdout}\n${error.stderr}`));
});

interface Described {
  requestBody?: { content: Record<string, { example?: Record<string, unknown>; examples?: object }> };
}

t.test('the body that /docs offers for each operation is taken as it is', async (t) => {
  const { paths } = JSON.parse(text) as { paths: Record<string, Record<string, Described>> };
  const account = { name: 'Ada', email: 'owner@example.org', password: 'correct horse' };
  const owner = await Client.keep(node, account);
  const board = await owner.createBoard();
  const { item } = (await owner.post(`/boards/${board}/items`, { text: 'x' })).body;
  const { webhook } = (await owner.post(`/boards/${board}/webhooks`, { url: 'https://example.org/hook' })).body;
  // What is made before it is changed, and the account at last.
  const order = ['POST', 'PUT', 'PATCH', 'DELETE'];
  const bodies = Object.entries(paths)
    .flatMap(([path, methods]) =>
      Object.entries(methods).flatMap(([method, { requestBody }]) =>
        Object.values(requestBody?.content ?? {}).map((media) => ({ method: method.toUpperCase(), path, media })),
      ),
    )
    .sort((one, other) => order.indexOf(one.method) - order.indexOf(other.method));
  t.ok(bodies.length >= 15);
  const somebody = '01970000-0000-7000-8000-0000000000a2';
  await database.sql(`insert into teamboard.users (id, name, guest) values ($1, 'Bob', true)`, [somebody]);
  const [made] = await database.sql<{ secret: string }>(`select teamboard.make_application_token('Shop') as secret`);
  const application = await Client.bearing(node, made?.secret ?? '');
  const nobody = Client.nobody(node);
  for (const { method, path, media } of bodies) {
    const title = `${method} ${path}`;
    const { example, examples } = media;
    t.ok(example && !examples, `${title}: one example`);
    if (path.includes('{userId}')) t.equal((await owner.get(`/boards/${board}/members`)).body.members.length, 2);
    const parameters: Record<string, string> = { id: board, itemId: item.id, userId: somebody, webhookId: webhook.id };
    const address = path.replaceAll(/\{(\w+)\}/g, (_, name: string) => parameters[name] ?? name);
    // Nobody else is left without an owner.
    if (title === 'DELETE /users/me') await owner.delete(`/boards/${board}`);
    const signsIn = ['POST /guests', 'POST /users', 'POST /session'].includes(title);
    const client = signsIn ? nobody : title === 'PUT /users' ? application : owner;
    // Boards that the caller has, and a place in the log of this one, as the text beside it says.
    const own: Record<string, object> = {
      'POST /tickets': { boards: [board] },
      'POST /boards/{id}/webhooks/{webhookId}/replay': { after: webhook.cursor },
    };
    const sent = { ...example, ...own[title] };
    const { status, body } = await client.request(method, address, sent);
    t.ok(status >= 200 && status < 300, `${title}: ${status} ${JSON.stringify(body)}`);
  }
});

/** As somebody writes it who has only the document. What must not compile is expected not to. */
const program = `
import { EventSourceParserStream } from 'eventsource-parser/stream';
import createClient from 'openapi-fetch';
import type { components, paths } from './api.js';

type Frame = components['schemas']['StreamFrame'];

export async function followBoard(baseUrl: string) {
  const signUp = await createClient<paths>({ baseUrl }).POST('/guests', { body: { name: 'Ada' } });
  if (!signUp.data) throw new Error(signUp.error.detail);
  const [cookie = ''] = signUp.response.headers.getSetCookie();
  const client = createClient<paths>({ baseUrl, headers: { cookie: cookie.split(';')[0] } });

  const made = await client.POST('/boards', { body: { name: 'Plans' } });
  if (!made.data) throw new Error(made.error.code === 'TB_LIMIT_REACHED' ? 'too many' : made.error.detail);
  const path = { id: made.data.board.id };
  // @ts-expect-error: a code that no operation answers
  const _unknown = made.error?.code === 'TB_NOTHING';

  // Without a limit, and without a body.
  const listed = await client.GET('/boards');
  const ticket = await client.POST('/boards/{id}/tickets', { params: { path } });
  // @ts-expect-error: an item has a text
  const untyped = await client.POST('/boards/{id}/items', { params: { path }, body: {} });

  const stream = await client.GET('/boards/{id}/events', {
    params: { path },
    headers: { accept: 'text/event-stream' },
    parseAs: 'stream',
  });
  if (!stream.data) throw new Error(stream.error?.detail);
  await client.POST('/boards/{id}/items', { params: { path }, body: { text: 'Hi', x: 1 } });
  const events: string[] = [];
  for await (const frame of frames(stream.data)) {
    // Who is there is told when it is known, and that all is well when it is time.
    if (frame.event !== 'presence' && frame.event !== 'heartbeat') events.push(frame.event);
    if (frame.event !== 'changed' || frame.data.resource !== 'item') continue;
    const { text, version } = frame.data.object;
    const seq: number = frame.data.seq;
    const page = await client.GET('/boards/{id}/events', { params: { path }, headers: { accept: 'application/json' } });
    const log = typeof page.data === 'object' ? page.data.events.map(({ resource }) => resource) : [];
    return { ticket: ticket.data?.ticket, boards: listed.data?.boards.length, refused: untyped.response.status, events, text, version, seq, log };
  }
  throw new Error('the stream has ended');
}

async function* frames(body: ReadableStream<Uint8Array>): AsyncGenerator<Frame> {
  const messages = body.pipeThrough(new TextDecoderStream()).pipeThrough(new EventSourceParserStream());
  for await (const { event, data, id } of messages) {
    yield { event, data: JSON.parse(data), ...(id !== undefined && { id }) } as Frame;
  }
}
`;

t.test('a typed client that is generated from it compiles, and follows a board', async (t) => {
  writeFileSync(join(folder, 'package.json'), '{"type":"module"}');
  writeFileSync(join(folder, 'api.ts'), astToString(await openapiTypescript(text)));
  writeFileSync(join(folder, 'client.ts'), program);
  symlinkSync(projectPath('node_modules'), join(folder, 'node_modules'));
  const compiled = ts.createProgram([join(folder, 'client.ts')], {
    ...{ strict: true, noUncheckedIndexedAccess: true, types: ['node'], skipLibCheck: true },
    ...{ module: ts.ModuleKind.NodeNext, target: ts.ScriptTarget.ES2023, lib: ['lib.es2023.d.ts'] },
  });
  compiled.emit();
  const faults = ts.getPreEmitDiagnostics(compiled).map(({ messageText, file, start }) => {
    const line = file && start !== undefined ? file.getLineAndCharacterOfPosition(start).line + 1 : 0;
    return `${file?.fileName}:${line} ${ts.flattenDiagnosticMessageText(messageText, '\n')}`;
  });
  t.same(faults, []);

  const { followBoard } = await import(pathToFileURL(join(folder, 'client.js')).href);
  t.match(await followBoard(node.url), {
    ticket: /^[\w-]{20,}$/,
    ...{ boards: 1, refused: 400, text: 'Hi', version: 1 },
    events: ['ready', 'changed'],
    log: ['board', 'member', 'item'],
  });
});
