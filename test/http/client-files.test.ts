// What pages import from a node: its size, its headers, its types.

import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import t from 'tap';
import ts from 'typescript';
import { startNode, useDatabase } from '../helpers/node.ts';
import { projectPath, readProjectFile } from '../helpers/project.ts';

const folder = projectPath('build/src/client');
/** What a page loads of each, gzipped. */
const mostBytes = {
  'client.js': 5 * 1024,
  'client-broadcasts.js': 656,
  'client-positions.js': 512,
  'client-writes.js': 7.25 * 1024,
};

t.test('each part is small', async (t) => {
  for (const [name, most] of Object.entries(mostBytes)) {
    const { length } = gzipSync(readFileSync(join(folder, name)), { level: 9 });
    t.ok(length <= most, `${name}: ${length} of ${most} bytes`);
  }
});

t.test('any page may import it, and keeps it for a while', async (t) => {
  const database = await useDatabase(t);
  const listed = 'https://listed.example';
  const node = await startNode(t, database.url, { corsOrigins: [listed] });
  const get = (path: string, headers?: Record<string, string>) => fetch(node.url + path, { headers: headers ?? {} });
  for (const [path, type] of [
    ['/client.js', 'text/javascript; charset=utf-8'],
    ['/client.js.map', 'application/json; charset=utf-8'],
    ['/client.d.ts', 'text/plain; charset=utf-8'],
    ['/client-broadcasts.js', 'text/javascript; charset=utf-8'],
    ['/client-positions.js', 'text/javascript; charset=utf-8'],
    ['/client-writes.js', 'text/javascript; charset=utf-8'],
  ] as const) {
    const response = await get(path, { origin: 'https://any.example' });
    t.equal(response.status, 200, path);
    const { headers } = response;
    t.equal(headers.get('content-type'), type);
    t.equal(headers.get('access-control-allow-origin'), '*');
    t.equal(headers.get('cross-origin-resource-policy'), 'cross-origin');
    t.equal(headers.get('cache-control'), 'public, max-age=300');
    t.equal(headers.get('x-content-type-options'), 'nosniff');
    // What debuggers ask for; a page loads no line about it.
    t.equal(headers.get('sourcemap'), path.endsWith('.js') ? `${path.slice(1)}.map` : null);
    t.equal(await response.text(), readFileSync(join(folder, path), 'utf8'));
    const again = await get(path, { 'if-none-match': headers.get('etag') ?? '' });
    t.equal(again.status, 304);
    t.equal(await again.text(), '');
    t.equal((await get(path, { 'if-none-match': '"other"' })).status, 200);
  }
  const ofList = await get('/client.js', { origin: listed });
  t.equal(ofList.headers.get('access-control-allow-origin'), listed, 'which the list allows to send its cookie');
  t.match(ofList.headers.get('vary'), 'Origin');
  t.equal((await get('/live.js')).status, 404, 'nothing else of the folder');
  const post = await fetch(`${node.url}/client.js`, { method: 'POST' });
  t.strictSame([post.status, post.headers.get('allow')], [405, 'GET, HEAD']);
  const { paths } = (await (await get('/openapi.json')).json()) as { paths: object };
  t.notOk('/client.js' in paths, 'it is no operation of the API');
});

t.test('the package exports the same', async (t) => {
  const { exports } = JSON.parse(readProjectFile('package.json')) as {
    exports: Record<string, { types: string; default: string }>;
  };
  for (const [name, files] of Object.entries(exports)) {
    t.strictSame(files, { types: `./dist/client/${name.slice(2)}.d.ts`, default: `./dist/client/${name.slice(2)}.js` });
  }
  const client = await import(projectPath('build/src/client/client.js'));
  t.strictSame(Object.keys(client), ['connect']);
  const writes = await import(projectPath('build/src/client/client-writes.js'));
  t.strictSame(Object.keys(writes), ['openWrites']);
});

t.test('the types stand by themselves, and fit a page', async (t) => {
  const dir = t.testdir({});
  for (const name of ['client', 'client-broadcasts', 'client-positions', 'client-writes']) {
    writeFileSync(join(dir, `${name}.d.ts`), readFileSync(join(folder, `${name}.d.ts`)));
  }
  const page = `
    import { connect, type LiveBoard } from './client.js';
    import { sender } from './client-broadcasts.js';
    import { positions } from './client-positions.js';
    import { type Made, openWrites } from './client-writes.js';
    const client = connect({ url: 'https://board.example', boards: ['x'], ticket: async (boards: string[]) => boards.join() });
    const board: LiveBoard = client.board('x');
    const end: () => void = board.onChange(({ items }, { changes }) => {
      for (const item of items.values()) item.text.trim();
      for (const { own, actor } of changes) if (!own) actor?.name.trim();
    });
    const [first] = positions(client, board, 'cursor').at();
    const x: number | undefined = first?.x;
    sender(client, board)('typing', true);
    const writes = openWrites(client, { user: 'ada' });
    const { key, settled }: Made = writes.board('x').update('y', { text: 'Milk' }, { ifMatch: 3 });
    for (const { conflict } of writes.state.undecided) conflict?.mine?.text?.trim();
    writes.decide(key, 'mine');
    settled.then(({ status }) => status === 'refused');
    // @ts-expect-error the server sets it
    writes.board('x').update('y', { version: 3 });
    // @ts-expect-error there is no such status
    client.status.name === 'fine';
    export { end, x };

  `;
  writeFileSync(join(dir, 'page.ts'), page);
  const program = ts.createProgram([join(dir, 'page.ts')], {
    strict: true,
    noEmit: true,
    target: ts.ScriptTarget.ES2023,
    module: ts.ModuleKind.NodeNext,
    lib: ['lib.es2023.d.ts', 'lib.dom.d.ts', 'lib.dom.iterable.d.ts'],
    types: [],
  });
  const problems = ts
    .getPreEmitDiagnostics(program)
    .map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, ' '));
  t.strictSame(problems, []);
});

t.test('no name that the build shortens is one that pages use', async (t) => {
  const bundling = readProjectFile('scripts/bundle-client.mjs');
  const [, list = ''] = /const internal = \[\n([\s\S]*?)\n\];/.exec(bundling) ?? [];
  const internal = [...list.matchAll(/'(\w+)'/g)].map(([, name = '']) => name);
  t.ok(internal.length > 10);
  const types = ['client', 'client-broadcasts', 'client-positions', 'client-writes']
    .map((name) => readFileSync(join(folder, `${name}.d.ts`), 'utf8'))
    .join();
  t.strictSame(
    internal.filter((name) => new RegExp(`\\b${name}\\b`).test(types)),
    [],
  );
});
