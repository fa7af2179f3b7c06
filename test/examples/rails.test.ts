// examples/rails with the real Rails, started as its README says: what other people's pages are told, and what a page shows.

import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { needsChromium, startChromium } from '../helpers/chromium.ts';
import { openStream } from '../helpers/event-stream.ts';
import { type Example, nowhere, sizeOf, startExample } from '../helpers/example.ts';
import { visit } from '../helpers/example-page.ts';
import { readProjectFile } from '../helpers/project.ts';
import { until } from '../helpers/until.ts';

const gems = ['rails', 'active_record', 'pg', 'puma'];
const needsRails =
  spawnSync('ruby', gems.map((gem) => `-r${gem}`).concat('-e', '0')).status === 0 ? {} : { skip: `needs ${gems}` };
const BOARD = '~shelf:house';
const example = 'skip' in needsRails ? nowhere : await start();

async function start(): Promise<Example> {
  const folder = mkdtempSync(join(tmpdir(), 'teamboard-rails-'));
  t.teardown(() => rmSync(folder, { recursive: true }));
  return startExample(t, {
    readme: 'examples/rails/README.md',
    database: 'postgres://shelf:shelf@127.0.0.1/bookshelf',
    application: 'http://127.0.0.1:4000',
    environment: { PIDFILE: join(folder, 'pid') },
  });
}

/** A browser's part: the cookie of the session, and the token that stands in each page. */
class Person {
  cookie = '';
  #token = '';

  static async signIn(name: string): Promise<Person> {
    const person = new Person();
    await person.#open();
    await person.post('/session', { name });
    await person.#open();
    return person;
  }

  /** As the form does, or the page's script. */
  async post(path: string, fields: Record<string, string>, headers: Record<string, string> = {}) {
    const answer = await fetch(example.url + path, {
      method: 'POST',
      headers: { cookie: this.cookie, 'x-csrf-token': this.#token, ...headers },
      body: new URLSearchParams(fields),
      redirect: 'manual',
    });
    this.#keep(answer);
    return answer;
  }

  /** @returns the book as the application answers the script of a page that has this stream */
  async write(path: string, fields: Record<string, string>, streamId = '') {
    const ajax = { 'x-requested-with': 'XMLHttpRequest', 'stream-id': streamId };
    const answer = await this.post(path, fields, ajax);
    if (answer.status !== 200) throw new Error(`${path} answers ${answer.status}`);
    return (await answer.json()) as { id: number; title: string; read: boolean };
  }

  async #open(): Promise<void> {
    const answer = await fetch(example.url, { headers: { cookie: this.cookie } });
    this.#keep(answer);
    [, this.#token = ''] = /name="csrf-token" content="([^"]+)"/.exec(await answer.text()) ?? [];
  }

  #keep(answer: Response): void {
    const [cookie] = answer.headers.getSetCookie();
    if (cookie) this.cookie = cookie.split(';')[0] ?? '';
  }
}

const follow = ({ cookie }: Person, from?: string) =>
  openStream(t, example.teamboard, BOARD, { cookie, ...(from && { headers: { 'last-event-id': from } }) });

t.test(
  "the stream of Rails' own user: others' books, no echo, and after a sleep only what changed",
  needsRails,
  async (t) => {
    const [ada, bo] = [await Person.signIn('Ada'), await Person.signIn('Bo')];
    const [adas, bos] = [await follow(ada), await follow(bo)];
    const { streamId } = (await adas.next('ready')).data;
    await bos.next('ready');
    await until(
      () =>
        bos.presence.some(
          ({ action, user, users }) =>
            [...(users ?? []), user].some((each) => each?.name === 'Ada') && action !== 'leave',
        ),
      'Bo to see Ada',
    );

    const emma = await ada.write('/books', { 'book[title]': 'Emma' }, streamId);
    const { data: created } = await bos.next('changed', ({ data }) => data.resource === 'books');
    t.match(created, { action: 'created', id: `${emma.id}`, actor: { name: 'Ada' }, object: emma });
    t.equal((await adas.next('own')).data.seq, created.seq, 'her own page is told the place, and nothing else');

    const asleep = bos.lastEventId ?? '';
    bos.close();
    await ada.write(`/books/${emma.id}`, { _method: 'patch', 'book[read]': 'true' }, streamId);
    const dune = await ada.write('/books', { 'book[title]': 'Dune' });
    await ada.write(`/books/${dune.id}`, { _method: 'delete' });
    const awake = await follow(bo, asleep);
    await awake.next('changed', ({ data }) => data.action === 'deleted');
    const told = awake.frames
      .filter(({ event }) => event !== 'ready')
      .map(({ event, data }) => [event, data.action, data.object.title, data.changes]);
    t.strictSame(told, [
      ['changed', 'updated', 'Emma', ['lock_version', 'read']],
      ['changed', 'created', 'Dune', undefined],
      ['changed', 'deleted', 'Dune', undefined],
    ]);
    t.notOk(
      adas.frames.some(({ event, data }) => event === 'changed' && data.object.title === 'Emma'),
      'no echo',
    );
    adas.close();
    awake.close();

    const nobody = await openStream(t, example.teamboard, BOARD, { cookie: 'tb_session=x' });
    t.equal(nobody.status, 401, 'who has no session of Rails hears nothing');
  },
);

t.test(
  'pages in two browsers move, work without Teamboard, and catch up',
  { ...needsRails, ...needsChromium },
  async (t) => {
    const browser = await startChromium(t);
    const [ada, bo] = [await visit(t, browser, example.url, 'Ada'), await visit(t, browser, example.url, 'Bo')];
    for (const { untilShown } of [ada, bo]) await untilShown('#here', 'Here: ');
    for (const name of ['Ada', 'Bo']) await ada.untilShown('#here', name);
    const books = await ada.texts('.title');
    const read = await ada.texts('.read .title');
    const add = async ({ page }: typeof ada, title: string) => {
      await page.fill('[name="book[title]"]', title);
      await page.press('[name="book[title]"]', 'Enter');
    };
    await add(ada, 'Middlemarch');
    for (const { untilTexts } of [ada, bo]) await untilTexts('.title', [...books, 'Middlemarch']);
    await bo.page.click('li:last-child button[title=Read]');
    for (const { untilTexts } of [ada, bo]) await untilTexts('.read .title', [...read, 'Middlemarch']);
    // On a list that was read anew this would be gone.
    await bo.page.$eval('li:last-child', (row) => row.setAttribute('data-known', 'yes'));

    await example.stopTeamboard();
    await bo.untilTexts('#here', ['Not live at the moment']);
    await add(ada, 'Austerlitz');
    await ada.untilTexts('.title', [...books, 'Middlemarch', 'Austerlitz']);
    await ada.page.reload();
    await ada.untilTexts('.title', [...books, 'Middlemarch', 'Austerlitz']);
    t.strictSame(await bo.texts('.title'), [...books, 'Middlemarch'], 'the other page hears of it later');
    await example.startTeamboard();
    await bo.untilTexts('.title', [...books, 'Middlemarch', 'Austerlitz']);
    t.equal(await bo.page.locator('[data-known]').count(), 1, 'what has not changed was not read again');
    await ada.untilShown('#here', 'Bo');
    await ada.page.click('li:last-child button[title=Remove]');
    for (const { untilTexts } of [ada, bo]) await untilTexts('.title', [...books, 'Middlemarch']);
  },
);

t.test('it is as small as its README says, and its models know nothing of it', async (t) => {
  const size = sizeOf('examples/rails/app', 'examples/rails/public/books.js', 'examples/rails/db/teamboard.sql');
  t.ok(size < 150, `${size} lines`);
  for (const model of ['book', 'user'])
    t.notMatch(readProjectFile(`examples/rails/app/models/${model}.rb`), /teamboard/i);
});
