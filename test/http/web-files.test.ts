// The board application as a node serves it: its size, its header fields, and to whom it is shown.

import { readdirSync, readFileSync } from 'node:fs';
import http from 'node:http';
import { join } from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';
import t, { type Test } from 'tap';
import { Client } from '../helpers/client.ts';
import { startNode, type TestNode, useDatabase } from '../helpers/node.ts';
import { projectPath, readProjectFile } from '../helpers/project.ts';

const folder = projectPath('build/src/web');
/** What a browser loads before somebody sees a board, gzipped: the page of a start, and all of a board. */
const MOST_BYTES = 60 * 1024;

const database = await useDatabase(t);
const node = await startNode(t, database.url);
const below = await startNode(t, database.url, { publicUrl: 'https://example.org/team' });

/** As a browser opens an address, which `fetch` decodes and redirects. */
function open(path: string, headers: Record<string, string> = {}, { url }: TestNode = node, method = 'GET') {
  return new Promise<{ status: number; headers: http.IncomingHttpHeaders; body: Buffer }>((resolve, reject) => {
    const request = http.request(url + path, { method, headers, agent: false }, (answer) => {
      const parts: Buffer[] = [];
      answer.on('data', (part) => parts.push(part));
      answer.on('end', () => {
        resolve({ status: answer.statusCode ?? 0, headers: answer.headers, body: Buffer.concat(parts) });
      });
      answer.on('error', reject);
    });
    request.on('error', reject).end();
  });
}

const html = { accept: 'text/html,application/xhtml+xml,*/*;q=0.8' };
const linksOf = (page: string) => [...page.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, link = '']) => link);

/** What a file loads at once, by their names: what comes later is imported by a call. */
function importsOf(name: string, all: Set<string> = new Set()): Set<string> {
  if (all.has(name)) return all;
  all.add(name);
  const code = readFileSync(join(folder, 'assets', name), 'utf8');
  for (const [, next = ''] of code.matchAll(/(?:from|import)"\.\/([^"]+\.js)"/g)) importsOf(next, all);
  return all;
}

t.test('all that a board needs is small', async (t) => {
  const names = readdirSync(join(folder, 'assets'));
  const page = readFileSync(join(folder, 'index.html'));
  const linked = linksOf(page.toString()).flatMap((link) => link.match(/^\.\/assets\/(.+\.(?:js|css))$/)?.[1] ?? []);
  const [board = ''] = names.filter((name) => /^team-board-.+\.js$/.test(name));
  const first = new Set<string>();
  for (const name of [...linked, board]) importsOf(name, first);
  t.ok(first.size > 3, `${[...first]}`);
  const later = names.filter((name) => name.endsWith('.js') && !first.has(name));
  for (const part of ['past-parts', 'debug'])
    t.ok(
      later.some((name) => name.startsWith(part)),
      `${part} in ${later}`,
    );
  const sizes = [...first].map((name) => gzipSync(readFileSync(join(folder, 'assets', name)), { level: 9 }).length);
  const all = sizes.reduce((sum, size) => sum + size, gzipSync(page).length);
  t.ok(all <= MOST_BYTES, `${all} of ${MOST_BYTES} bytes`);
});

/** The page may run and show nothing but what is of this server. */
function isStrict(t: Test, policy: string): void {
  const directives = new Map(policy.split(';').map((each) => [each.split(' ')[0], each.slice(each.indexOf(' ') + 1)]));
  t.equal(directives.get('default-src'), "'none'");
  t.equal(directives.get('script-src'), "'self'");
  t.equal(directives.get('style-src'), "'self'");
  t.equal(directives.get('connect-src'), "'self'");
  t.equal(directives.get('base-uri'), "'none'");
  t.equal(directives.get('frame-ancestors'), "'none'");
  t.equal(directives.get('require-trusted-types-for'), "'script'");
  t.notMatch(policy, /unsafe|https?:|\*/);
}

t.test(
  'a browser gets the page at each address of the application, and asks each time whether it is new',
  async (t) => {
    for (const path of ['/', '/b/01970000-0000-7000-8000-0000000000b1', '/i/x']) {
      const { status, headers, body } = await open(path, html);
      t.equal(status, 200, path);
      t.equal(headers['content-type'], 'text/html; charset=utf-8');
      t.equal(headers['cache-control'], 'no-cache');
      isStrict(t, String(headers['content-security-policy']));
      const page = body.toString();
      t.match(page, /<noscript>[\s\S]*\/docs[\s\S]*<\/noscript>/, 'which says what this is without JavaScript too');
      t.notMatch(page, /<style|style=|<script(?![^>]+src=)|\son\w+=/i, 'nothing is written into it');
      t.notMatch(page, /(?:src|href)="(?:https?:)?\/\//, 'nothing is of another host');
      const again = await open(path, { ...html, 'if-none-match': String(headers.etag) });
      t.strictSame([again.status, again.body.length], [304, 0]);
      const head = await open(path, html, node, 'HEAD');
      t.strictSame([head.status, head.body.length, head.headers['content-length']], [200, 0, String(body.length)]);
    }
  },
);

t.test('who has no cookie is told so by the page, and need not ask', async (t) => {
  const stranger = await open('/', html);
  const known = await open('/', { ...html, cookie: 'tb_session=x' });
  t.match(stranger.body.toString(), /<html data-visitor="stranger" /);
  t.match(known.body.toString(), /<html lang/);
  t.not(stranger.headers.etag, known.headers.etag);
  t.match(stranger.headers.vary, 'Cookie');
});

t.test('a program is told what this server is', async (t) => {
  const { status, headers, body } = await open('/', { accept: 'application/json' });
  t.equal(status, 200);
  t.match(headers['content-type'], /^application\/json/);
  t.match(headers.vary, 'Accept');
  const { version } = JSON.parse(readProjectFile('package.json'));
  t.match(JSON.parse(body.toString()), { name: 'Teamboard', version, openapi: '/openapi.json', docs: '/docs' });
  for (const path of ['/openapi.json', '/docs']) t.equal((await open(path)).status, 200, path);
  const elsewhere = await open('/', { accept: 'application/json' }, below);
  t.match(JSON.parse(elsewhere.body.toString()), { openapi: '/team/openapi.json', docs: '/team/docs' });
  t.match((await open('/')).headers['content-type'], /^text\/html/, 'who says nothing gets the page');
});

t.test('what the page loads is there, for ever under its name, and small on its way', async (t) => {
  const page = (await open('/', html)).body.toString();
  const links = linksOf(page);
  t.ok(links.some((link) => /^\/assets\/.+\.js$/.test(link)));
  t.ok(links.some((link) => /^\/assets\/.+\.css$/.test(link)));
  for (const link of links) {
    const { status, headers, body } = await open(link);
    t.equal(status, 200, link);
    if (!link.startsWith('/assets/')) continue;
    t.equal(headers['cache-control'], 'public, max-age=31536000, immutable');
    t.equal(headers['x-content-type-options'], 'nosniff');
    t.equal(headers['access-control-allow-origin'], '*', 'also for <team-board> on another site');
    t.equal(headers['cross-origin-resource-policy'], 'cross-origin');
    const packed = await open(link, { 'accept-encoding': 'gzip, deflate, br' });
    t.equal(packed.headers['content-encoding'], 'gzip');
    t.match(packed.headers.vary, 'Accept-Encoding');
    t.ok(gunzipSync(packed.body).equals(body), 'the same');
    const again = await open(link, { 'if-none-match': String(headers.etag) });
    t.equal(again.status, 304);
  }
});

t.test('the rest that browsers ask for is there, and nothing else', async (t) => {
  const types = {
    '/favicon.svg': 'image/svg+xml',
    '/favicon.ico': 'image/x-icon',
    '/robots.txt': 'text/plain; charset=utf-8',
    '/site.webmanifest': 'application/manifest+json',
    '/worker.js': 'text/javascript; charset=utf-8',
    '/icon.png': 'image/png',
    '/icon-small.png': 'image/png',
    '/icon-maskable.png': 'image/png',
    '/team-board.js': 'text/javascript; charset=utf-8',
  };
  for (const [path, type] of Object.entries(types)) {
    const { status, headers } = await open(path);
    t.strictSame([status, headers['content-type'], headers['cache-control']], [200, type, 'public, max-age=300'], path);
  }
  const manifest = JSON.parse((await open('/site.webmanifest')).body.toString());
  t.match(manifest, { start_url: './', display: 'standalone', icons: [{ src: './favicon.svg' }] });
  for (const { src, sizes } of manifest.icons.slice(1)) {
    const { body } = await open(src.slice(1));
    // The size of a PNG stands in its head.
    t.equal(`${body.readUInt32BE(16)}x${body.readUInt32BE(20)}`, sizes, src);
  }
  const { headers } = await open('/worker.js');
  t.equal(headers['content-security-policy'], "default-src 'none';connect-src 'self'", 'it may ask this server');
  for (const path of ['/index.html', '/assets/', '/assets/none.js', '/b/', '/i/', '/web', '/list/order.js']) {
    t.equal((await open(path, html)).status, 404, path);
  }
  t.strictSame((await open('/', html, node, 'POST')).headers.allow, 'GET, HEAD');
});

t.test('below the path of a site, the page names what it loads from there', async (t) => {
  const links = linksOf((await open('/b/x', html, below)).body.toString());
  t.ok(links.length > 4);
  for (const link of links) t.match(link, /^\/team\//);
  t.equal((await open(links[0]?.slice('/team'.length) ?? '', {}, below)).status, 200);
});

t.test('an invitation that is opened in a browser leads to its page, and stays JSON for programs', async (t) => {
  const { status, headers } = await open('/invites/abc%2Fd', html);
  t.strictSame([status, headers.location], [303, '/i/abc%2Fd']);
  t.match(headers.vary, 'Accept');
  t.equal((await open('/invites/abc', html, below)).headers.location, '/team/i/abc');
  t.equal((await open('/invites/abc', { accept: 'application/json' })).status, 404);
  t.equal((await open('/invites/abc')).status, 404, 'who says nothing is a program');
  const ada = await Client.signUp(node, 'Ada');
  const made = await ada.post(`/boards/${await ada.createBoard()}/invites`, { role: 'viewer' });
  const answer = await ada.get(`/invites/${made.body.token}`);
  t.match(answer.body, { invite: { role: 'viewer', invitedBy: { name: 'Ada' } } });
});
