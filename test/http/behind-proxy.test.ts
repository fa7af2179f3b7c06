// Below a path of a site, and behind a proxy that says another host than browsers do.

import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { type Answer, Client } from '../helpers/client.ts';
import { openStream } from '../helpers/event-stream.ts';
import { findFreePort } from '../helpers/free-port.ts';
import { startNode, type TestNode, useDatabase } from '../helpers/node.ts';
import { sameProblem } from '../helpers/problem.ts';
import { readProjectFile } from '../helpers/project.ts';
import { RawConnection } from '../helpers/raw-connection.ts';
import { until } from '../helpers/until.ts';

const database = await useDatabase(t);
const site = 'https://example.org';
const below = await startNode(t, database.url, { publicUrl: `${site}/team.board` });
const plain = await startNode(t, database.url, { publicUrl: 'http://example.org/boards' });

async function send(node: TestNode, request: string, headers: Record<string, string> = {}, body?: object) {
  const text = body ? JSON.stringify(body) : '';
  const type: Record<string, string> = body ? { 'content-type': 'application/json' } : {};
  const fields = { host: 'a', connection: 'close', 'content-length': `${text.length}`, ...type, ...headers };
  const connection = new RawConnection(t, node);
  const lines = Object.entries(fields).map(([name, value]) => `${name}: ${value}\r\n`);
  connection.write(`${request} HTTP/1.1\r\n${lines.join('')}\r\n${text}`);
  const answer = await connection.answer();
  return { ...answer, text: connection.text };
}

/** Cookies as an answer sets them, each as its parts. */
const cookiesOf = ({ headers }: Pick<Answer, 'headers'>) =>
  headers.getSetCookie().map((cookie) => cookie.toLowerCase().split('; '));

t.test('the proxy takes the path off, and all that leads back has it', async (t) => {
  const signedUp = await send(below, 'POST /guests', {}, { name: 'Ada' });
  const [cookie = []] = cookiesOf(signedUp);
  t.match(cookie[0], /^__secure-tb_session=[\w-]+$/, 'the name that a cookie with a path may have');
  for (const part of ['path=/team.board', 'secure', 'httponly', 'samesite=lax']) t.ok(cookie.includes(part), part);
  t.equal(signedUp.headers.get('strict-transport-security'), null, 'what else is on the host is not spoken for');
  const [value = ''] = signedUp.headers.getSetCookie()[0]?.split(';') ?? [];
  const headers = { cookie: value };

  const made = await send(below, 'POST /boards', headers, { name: 'Plans' });
  t.match(made.headers.get('location'), /^\/team\.board\/boards\/[0-9a-f-]{36}$/);
  const [, boardId = ''] = /\/boards\/(.*)/.exec(made.headers.get('location') ?? '') ?? [];
  const item = await send(below, `POST /boards/${boardId}/items`, headers, { text: 'x' });
  t.match(item.headers.get('location'), /^\/team\.board\/boards\/[0-9a-f-]{36}\/items\/[0-9a-f-]{36}$/);
  const invite = await send(below, `POST /boards/${boardId}/invites`, headers, { role: 'viewer' });
  const link = new URL(invite.body.url as string);
  t.equal(link.origin + link.pathname.replace(/[^/]+$/, ''), `${site}/team.board/invites/`);

  const fromPage = { ...headers, origin: site };
  t.equal((await send(below, `PATCH /boards/${boardId}`, fromPage, { name: 'P' })).status, 200);
  const stream = await openStream(t, below.url, boardId, { cookie: value });
  t.equal((await stream.next('ready')).data.boardId, boardId);
  stream.close();

  const out = await send(below, 'DELETE /session', headers);
  const cleared = cookiesOf(out).filter(([pair]) => pair === '__secure-tb_session=');
  t.ok(cleared[0]?.includes('path=/team.board'), 'a browser forgets it only by the same path');
  t.ok(cleared[0]?.includes('max-age=0'));
  const after = await send(below, 'GET /session', headers);
  sameProblem(t, after, 'TB_UNAUTHENTICATED');
  t.match(after.headers.get('www-authenticate'), 'cookie-name="__Secure-tb_session"');
});

t.test('a path that is still there leads nowhere, so that the rules of a proxy are for all there is', async (t) => {
  const cure = 'the proxy in front has to take /team.board, the path of PUBLIC_URL, off';
  for (const path of ['', '/', '?x', '/boards', '/guests', '/livez', '/readyz', '/docs', '/team.board/readyz', '/no']) {
    for (const target of [`/team.board${path}`, `http://a/team.board${path}`]) {
      for (const method of ['GET', 'POST', 'PUT']) {
        const answer = await send(below, `${method} ${target}`);
        sameProblem(t, answer, 'TB_NOT_FOUND', { message: `${method} ${target}` });
        t.match(answer.body.detail, cure, `${method} ${target}`);
      }
    }
  }
  for (const path of [
    '/team.boards/boards',
    '/teamXboard/boards',
    '/Team.Board/boards',
    '/nothing/team.board/boards',
  ]) {
    const answer = await send(below, `GET ${path}`);
    sameProblem(t, answer, 'TB_NOT_FOUND', { message: path });
    t.notMatch(answer.body.detail, 'proxy', path);
  }
  const bare = await startNode(t, database.url, { publicUrl: site });
  t.notMatch((await send(bare, 'GET /team.board/boards')).body.detail, 'proxy');
});

t.test('without TLS the cookie has a path and its plain name; a path that is one of ours is no riddle', async (t) => {
  const signedUp = await send(plain, 'POST /guests', {}, { name: 'Ada' });
  t.match(cookiesOf(signedUp), [[/^tb_session=/]]);
  t.ok(cookiesOf(signedUp)[0]?.includes('path=/boards'));
  t.notOk(cookiesOf(signedUp)[0]?.includes('secure'));
  const [cookie = ''] = signedUp.headers.getSetCookie()[0]?.split(';') ?? [];
  const made = await send(plain, 'POST /boards', { cookie }, { name: 'x' });
  t.match(made.headers.get('location'), /^\/boards\/boards\/[0-9a-f-]{36}$/);
  t.equal((await send(plain, `GET ${made.headers.get('location')?.slice('/boards'.length)}`, { cookie })).status, 200);
  const left = await send(plain, `POST /boards/guests`, {}, { name: 'Ada' });
  sameProblem(t, left, 'TB_METHOD_NOT_ALLOWED', { message: 'which is the address of a board' });
});

t.test('what says who is calling has the name that its cookie has', async (t) => {
  for (const [node, name] of [
    [plain, 'tb_session'],
    [below, '__Secure-tb_session'],
    [await startNode(t, database.url, { publicUrl: site }), '__Host-tb_session'],
  ] as const) {
    const account = { name: 'x', email: `${name}@example.org`, password: 'correct horse' };
    const [cookie = ''] = (await send(node, 'POST /guests', {}, { name: 'x' })).headers.getSetCookie();
    t.ok(cookie.startsWith(`${name}=`), cookie);
    for (const refused of [
      await send(node, 'GET /session'),
      await send(node, 'POST /session', {}, { email: account.email, password: 'wrong' }),
      await send(node, `GET /boards/${'x'.repeat(36)}/events?ticket=x`),
    ]) {
      t.equal(refused.status, 401);
      t.match(refused.headers.get('www-authenticate'), `cookie-name="${name}"`);
      t.equal(refused.headers.get('www-authenticate')?.match(/Bearer/g)?.length, 1);
    }
    const token = await send(node, 'GET /session', { authorization: 'Bearer x' });
    t.equal(token.headers.get('www-authenticate'), 'Bearer realm="teamboard", error="invalid_token"');
  }
});

t.test('the page of the documentation finds its files and its server below the path', async (t) => {
  for (const page of ['/docs', '/docs/']) {
    const { text } = await send(below, `GET ${page}`);
    const files = [...text.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, path = '']) => path);
    t.ok(files.length >= 5);
    for (const file of files) {
      const { pathname } = new URL(file, `${site}/team.board${page}`);
      t.match(pathname, /^\/team\.board\/docs\/static\//);
      const atNode = pathname.slice('/team.board'.length);
      t.match((await send(below, `GET ${atNode}`)).text, /^HTTP\/1\.1 200 /, pathname);
    }
  }
  const moved = await send(below, 'GET /docs/static/index.html');
  t.equal(moved.headers.get('location'), '/team.board/docs/');
});

t.test('the document names the servers that a page of it may ask, and the cookie as it is named there', async (t) => {
  const whole = await startNode(t, database.url, { publicUrl: site });
  for (const [node, name, first] of [
    [plain, 'tb_session', 'http://example.org/boards'],
    [below, '__Secure-tb_session', `${site}/team.board`],
    [whole, '__Host-tb_session', site],
    [await startNode(t, database.url), 'tb_session', '/'],
  ] as const) {
    const text = await (await fetch(`${node.url}/openapi.json`)).text();
    const { servers, components } = JSON.parse(text);
    t.equal(servers[0].url, first);
    // Its page may ask nobody but where it came from.
    t.equal(servers.at(-1).url, '/', 'who has come past the proxy, too');
    t.equal(new Set(servers.map(({ url }: { url: string }) => url)).size, servers.length);
    t.equal(components.securitySchemes.session.name, name);
    t.same([...new Set(text.match(/(?:__\w+-)?tb_session/g))], [name], 'and by no other name');
  }
});

const hasNginx = await once(spawn('nginx', ['-v'], { stdio: 'ignore' }), 'exit').then(
  ([code]) => code === 0,
  () => false,
);

t.test('behind an nginx that says another host, the refusal leads to the cure', { skip: !hasNginx }, async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'teamboard-nginx-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  const mute = await startNode(t, database.url);
  const ports = await Promise.all([findFreePort(), findFreePort(), findFreePort()]);
  const server = (port: number | undefined, fields: string, location: string, to: string) =>
    `server { listen 127.0.0.1:${port}; location ${location} { proxy_pass ${to}; ${fields} } }`;
  const common = 'proxy_http_version 1.1; proxy_set_header Connection "";';
  writeFileSync(
    join(folder, 'nginx.conf'),
    `daemon off; worker_processes 1; pid ${folder}/pid; error_log stderr;
     events { worker_connections 64; }
     http { access_log off; gzip on; gzip_types application/json text/event-stream; gzip_min_length 1;
       ${['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((kind) => `${kind}_temp_path ${folder}/${kind};`).join(' ')}
       ${server(ports[0], `${common} proxy_set_header Host backend;`, '/', mute.url)}
       ${server(ports[1], `${common} proxy_set_header Host $http_host;`, '/', mute.url)}
       ${server(ports[2], common, '/team.board/', `${below.url}/`)}
     }`,
  );
  const nginx = spawn('nginx', ['-c', join(folder, 'nginx.conf'), '-p', folder], { stdio: 'ignore' });
  t.teardown(async () => {
    nginx.kill('SIGTERM');
    if (nginx.exitCode === null && nginx.signalCode === null) await once(nginx, 'exit');
  });
  const [rewriting, passing, stripping] = ports.map((port) => ({ url: `http://127.0.0.1:${port}` }));
  if (!rewriting || !passing || !stripping) throw new Error('three ports');
  await until(
    () =>
      fetch(`${rewriting.url}/livez`).then(
        ({ ok }) => ok,
        () => false,
      ),
    'nginx',
  );

  // A browser sends no Sec-Fetch-Site over plain HTTP, but for localhost.
  const page = { origin: rewriting.url };
  const refused = await Client.nobody(rewriting).post('/guests', { name: 'Ada' }, page);
  sameProblem(t, refused, 'TB_CROSS_SITE');
  for (const part of [`a page of ${rewriting.url}`, 'backend (Host; PUBLIC_URL is not set)', 'Host $http_host']) {
    t.ok(refused.body.detail.includes(part), `${part}: ${refused.body.detail}`);
  }
  const cured = await Client.nobody(passing).post('/guests', { name: 'Ada' }, { origin: passing.url });
  t.equal(cured.status, 201, 'the one cure: the proxy passes on the host');
  const named = await startNode(t, database.url, { publicUrl: rewriting.url });
  const byName = await Client.nobody(named).post('/guests', { name: 'Ada' }, { ...page, host: 'backend' });
  t.equal(byName.status, 201, 'the other: the server is told');

  const ada = await Client.signUp({ url: `${stripping.url}/team.board` });
  const made = await ada.post('/boards', { name: 'x' }, { origin: site, 'accept-encoding': 'gzip' });
  t.equal(made.status, 201);
  const found = await fetch(stripping.url + made.headers.get('location'), { headers: { cookie: ada.cookie } });
  t.equal(found.status, 200, 'Location leads back through the proxy');
  t.equal(found.headers.get('content-encoding'), 'gzip');

  const leaving = new AbortController();
  t.teardown(() => leaving.abort());
  const stream = await fetch(`${stripping.url}${made.headers.get('location')}/events`, {
    headers: { cookie: ada.cookie, accept: 'text/event-stream' },
    signal: leaving.signal,
  });
  t.equal(stream.headers.get('content-encoding'), 'gzip', 'which this one was told to compress');
  let received = '';
  const write = (text: string) => {
    received += text;
  };
  const reading = stream.body?.pipeThrough(new TextDecoderStream()).pipeTo(new WritableStream({ write }));
  reading?.catch(() => {});
  await until(() => received.includes('event:ready'), 'the first frame, as soon as it is there');
  t.equal((await ada.post(`/boards/${made.body.board.id}/items`, { text: 'through' })).status, 201);
  await until(() => received.includes('"text":"through"'), 'the event');
});

/** Of docs/proxies.md, each as the whole configuration that its lines belong into, which compresses. */
const pathProxies: Record<
  string,
  {
    command: string[];
    whole: (lines: string, port: number, folder: string) => string;
    /** What becomes of `"1"` on an answer that is compressed. */
    tag: RegExp;
  }
> = {
  nginx: {
    command: ['nginx', '-c'],
    whole: (lines, port, folder) =>
      `daemon off; worker_processes 1; pid ${folder}/pid; error_log stderr; events { worker_connections 64; }
         http { access_log off; gzip on; gzip_types application/json; gzip_min_length 1;
           ${['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((kind) => `${kind}_temp_path ${folder}/${kind};`).join(' ')}
           server { listen 127.0.0.1:${port}; location /teamboard/readyz { deny all; } ${lines} } }`,
    tag: /^W\/"1"$/,
  },
  caddy: {
    command: ['caddy', 'run', '--adapter', 'caddyfile', '--config'],
    whole: (lines, port) =>
      `{\nadmin off\n}\nhttp://127.0.0.1:${port} {\nencode {\ngzip\nminimum_length 1\n}
handle /teamboard/readyz {\nrespond 403\n}\n${lines}\n}\n`,
    // The longer one by newer versions.
    tag: /^"1(-gzip)?"$/,
  },
  haproxy: {
    command: ['haproxy', '-db', '-f'],
    whole: (lines, port) =>
      `defaults\n  mode http\n  compression algo gzip\n  compression type application/json\n  timeout connect 2s\n  timeout client 60s\n  timeout server 60s
frontend site\n  bind 127.0.0.1:${port}\n  http-request deny if { path /teamboard/readyz }
  use_backend teamboard if { path_beg /teamboard/ }\n${lines}`,
    tag: /^W\/"1"$/,
  },
  apache2: {
    command: ['apache2', '-DFOREGROUND', '-f'],
    whole: (lines, port, folder) =>
      `ServerRoot ${folder}\nServerName localhost\nDefaultRuntimeDir ${folder}\nPidFile ${folder}/pid\nErrorLog ${folder}/log
Listen 127.0.0.1:${port}
${['mpm_event', 'authz_core', 'headers', 'filter', 'deflate', 'proxy', 'proxy_http'].map((name) => `LoadModule ${name}_module /usr/lib/apache2/modules/mod_${name}.so`).join('\n')}
AddOutputFilterByType DEFLATE application/json
<Location /teamboard/readyz>\nRequire all denied\n</Location>\n${lines}`,
    tag: /^"1-gzip"$/,
  },
};

t.test('each proxy of docs/proxies.md takes the path off once, and its rules cannot be walked around', async (t) => {
  const sub = await startNode(t, database.url, { publicUrl: `${site}/teamboard` });
  const [, section = ''] = readProjectFile('docs/proxies.md').split('\n## Below a path\n');
  const blocks = [...(section.split('\n## ')[0] ?? '').matchAll(/```(\w+)\n(.*?)```/gs)];
  const lines = Object.fromEntries(blocks.map(([, name = '', text = '']) => [name.replace('apache', 'apache2'), text]));
  t.same(Object.keys(lines).sort(), Object.keys(pathProxies).sort());
  for (const [name, { command, whole, tag }] of Object.entries(pathProxies)) {
    const [program = '', ...options] = command;
    const isHere = spawnSync('sh', ['-c', `command -v ${program}`]).status === 0;
    await t.test(name, { skip: !isHere && `needs ${name}` }, async (t) => {
      const folder = mkdtempSync(join(tmpdir(), 'teamboard-path-'));
      t.teardown(() => rmSync(folder, { recursive: true, force: true }));
      const port = await findFreePort();
      const own = (lines[name] ?? '').replaceAll('127.0.0.1:3000', `127.0.0.1:${sub.port}`);
      writeFileSync(join(folder, 'conf'), whole(own, port, folder));
      const env = { PATH: process.env.PATH, HOME: folder };
      const proxy = spawn(program, [...options, join(folder, 'conf')], { stdio: 'ignore', env });
      t.teardown(async () => {
        proxy.kill('SIGTERM');
        if (proxy.exitCode === null && proxy.signalCode === null) await once(proxy, 'exit');
      });
      const base = `http://127.0.0.1:${port}`;
      const statusOf = (path: string) =>
        fetch(base + path).then(
          ({ status }) => status,
          () => 0,
        );
      await until(async () => (await statusOf('/teamboard/livez')) === 200, name);
      const ada = await Client.signUp({ url: `${base}/teamboard` });
      const made = await ada.post('/boards', { name: 'x' }, { origin: base });
      t.equal(made.status, 201, 'of a page of its own');
      const found = await fetch(base + made.headers.get('location'), { headers: { cookie: ada.cookie } });
      t.equal(found.status, 200, 'Location leads back');
      t.equal(await statusOf('/teamboard/readyz'), 403, 'a rule of the proxy');
      t.equal(await statusOf('/teamboard/teamboard/readyz'), 404, 'and no way around it');
      await isSavedByItsTag(t, ada, `/boards/${made.body.board.id}`, tag);
    });
  }
});

/** A compressed answer has another tag than the node gave, and is the same version to it. */
async function isSavedByItsTag(t: Test, client: Client, board: string, pattern: RegExp): Promise<void> {
  const { item } = (await client.post(`${board}/items`, { text: 'one' })).body;
  const path = `${board}/items/${item.id}`;
  const compressed = { 'accept-encoding': 'gzip' };
  const seen = await client.get(path, compressed);
  t.equal(seen.headers.get('content-encoding'), 'gzip');
  const tag = seen.headers.get('etag') ?? '';
  t.match(tag, pattern);
  t.equal((await client.get(path, { ...compressed, 'if-none-match': tag })).status, 304);
  t.equal((await client.patch(path, { text: 'two' }, { 'if-match': tag })).status, 200, 'is saved');
  const late = await client.patch(path, { text: 'three' }, { 'if-match': tag });
  t.equal(late.status, 412, 'and held against the version that it was');
  t.match(late.body, { code: 'TB_CONFLICT', base: { text: 'one' }, current: { text: 'two' } });
}
