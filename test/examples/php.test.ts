// examples/php with the real PHP, started as its README says: what other people's pages are told, and what a page shows.

import { spawnSync } from 'node:child_process';
import t from 'tap';
import { needsChromium, startChromium } from '../helpers/chromium.ts';
import { openStream } from '../helpers/event-stream.ts';
import { nowhere, sizeOf, startExample } from '../helpers/example.ts';
import { visit } from '../helpers/example-page.ts';
import { projectPath } from '../helpers/project.ts';
import { run } from '../helpers/shell.ts';

const hasPhp = /^pgsql$/m.test(spawnSync('php', ['-m'], { encoding: 'utf8' }).stdout ?? '');
const needsPhp = hasPhp ? {} : { skip: 'needs php with pgsql' };
const BOARD = '~chat:1';
const example = hasPhp
  ? await startExample(t, {
      readme: 'examples/php/README.md',
      database: 'postgres://chat:chat@127.0.0.1/chat',
      application: 'http://127.0.0.1:8080',
    })
  : nowhere;

async function post(fields: Record<string, string>, headers: Record<string, string> = {}): Promise<Response> {
  return fetch(example.url, { method: 'POST', headers, body: new URLSearchParams(fields), redirect: 'manual' });
}

/** @returns the cookie of somebody who has come in */
async function signIn(name: string): Promise<string> {
  const answer = await post({ name });
  return answer.headers.getSetCookie().at(-1)?.split(';')[0] ?? '';
}

/** As the page's script does. */
async function say(cookie: string, text: string, streamId = ''): Promise<void> {
  const answer = await post({ text }, { cookie, 'x-requested-with': 'XMLHttpRequest', 'stream-id': streamId });
  if (answer.status !== 200) throw new Error(`the message: ${answer.status}`);
}

const bySql = (sql: string) => run(t, `psql -q -c "${sql}" '${example.databaseUrl}'`, projectPath('.'));

const follow = (cookie: string, from?: string) =>
  openStream(t, example.teamboard, BOARD, { cookie, ...(from && { headers: { 'last-event-id': from } }) });

t.test(
  "the stream of PHP's own user: others' messages, no echo, and after a sleep only what is new",
  needsPhp,
  async (t) => {
    const [ada, bo] = [await signIn('Ada'), await signIn('Bo')];
    const [adas, bos] = [await follow(ada), await follow(bo)];
    const { streamId } = (await adas.next('ready')).data;
    await bos.next('ready');

    await say(ada, 'Hello <b>', streamId);
    const { data: created } = await bos.next('changed', ({ data }) => data.resource === 'messages');
    t.match(created, { action: 'created', actor: { name: 'Ada' }, object: { name: 'Ada', text: 'Hello <b>' } });
    t.equal((await adas.next('own')).data.seq, created.seq, 'her own page is told the place, and nothing else');

    const asleep = bos.lastEventId ?? '';
    bos.close();
    await say(ada, 'Are you there?', streamId);
    await bySql("insert into messages (name, text) values ('psql', 'No')");
    const awake = await follow(bo, asleep);
    await awake.next('changed', ({ data }) => data.object.text === 'No');
    const told = awake.frames.filter(({ event }) => event === 'changed').map(({ data }) => data.object.text);
    t.strictSame(told, ['Are you there?', 'No'], 'each that was missed, once');
    await adas.next('changed', ({ data }) => data.object.text === 'No');
    t.notOk(
      adas.frames.some(({ event, data }) => event === 'changed' && data.object.name === 'Ada'),
      'no echo',
    );
    adas.close();
    awake.close();

    const nobody = await openStream(t, example.teamboard, BOARD, { cookie: 'PHPSESSID=x' });
    t.equal(nobody.status, 401, 'who has no session of PHP hears nothing');
  },
);

t.test(
  'pages in two browsers talk, also without Teamboard, and catch up',
  { ...needsPhp, ...needsChromium },
  async (t) => {
    const browser = await startChromium(t);
    const [cleo, dan] = [await visit(t, browser, example.url, 'Cleo'), await visit(t, browser, example.url, 'Dan')];
    for (const name of ['Cleo', 'Dan']) for (const { untilShown } of [cleo, dan]) await untilShown('#here', name);
    const before = await cleo.texts('li');
    t.ok(before.includes('Ada Hello <b>'), 'text is text');
    const speak = async ({ page }: typeof cleo, text: string) => {
      await page.fill('[name=text]', text);
      await page.press('[name=text]', 'Enter');
    };
    await speak(cleo, 'First');
    for (const { untilTexts } of [cleo, dan]) await untilTexts('li', [...before, 'Cleo First']);
    // On a list that was read anew this would be gone.
    await dan.page.$eval('li:last-child', (row) => row.setAttribute('data-known', 'yes'));

    await example.stopTeamboard();
    for (const { untilTexts } of [cleo, dan]) await untilTexts('#here', ['Not live at the moment']);
    await speak(cleo, 'Alone');
    await cleo.untilTexts('li', [...before, 'Cleo First', 'Cleo Alone']);
    await cleo.page.reload();
    await cleo.untilTexts('li', [...before, 'Cleo First', 'Cleo Alone']);
    t.strictSame(await dan.texts('li'), [...before, 'Cleo First'], 'the other page hears of it later');
    await example.startTeamboard();
    await dan.untilTexts('li', [...before, 'Cleo First', 'Cleo Alone']);
    t.equal(await dan.page.locator('[data-known]').count(), 1, 'what was known was not read again');
    await cleo.untilShown('#here', 'Dan');
    await bySql("delete from messages where text = 'First'");
    for (const { untilTexts } of [cleo, dan]) await untilTexts('li', [...before, 'Cleo Alone']);
  },
);

t.test('it is as small as its README says', async (t) => {
  const size = sizeOf(
    'examples/php/public/index.php',
    'examples/php/public/whoami.php',
    'examples/php/public/chat.js',
    'examples/php/messages.sql',
    'examples/php/teamboard.sql',
  );
  t.ok(size < 150, `${size} lines`);
});
