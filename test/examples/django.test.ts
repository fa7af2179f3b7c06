// examples/django with the real Django, started as its README says: what other people's pages are told, and what a page shows.

import { spawnSync } from 'node:child_process';
import t from 'tap';
import { needsChromium, startChromium } from '../helpers/chromium.ts';
import { openStream } from '../helpers/event-stream.ts';
import { nowhere, sizeOf, startExample } from '../helpers/example.ts';
import { visit } from '../helpers/example-page.ts';
import { readProjectFile } from '../helpers/project.ts';

const hasDjango = spawnSync('/usr/bin/python3', ['-c', 'import django, psycopg2']).status === 0;
const needsDjango = hasDjango ? {} : { skip: 'needs django and psycopg2 of /usr/bin/python3' };
const BOARD = '~backlog:1';
const example = hasDjango
  ? await startExample(t, {
      readme: 'examples/django/README.md',
      database: 'postgres://backlog:backlog@127.0.0.1/backlog',
      application: 'http://127.0.0.1:8000',
      environment: { PYTHONDONTWRITEBYTECODE: '1' },
    })
  : nowhere;

interface Story {
  id: number;
  title: string;
}

/** A browser's part: the cookies of the session and against forgery. */
class Person {
  readonly #cookies = new Map<string, string>();

  static async signIn(name: string): Promise<Person> {
    const person = new Person();
    person.#keep(await fetch(example.url));
    await person.#post('/sign-in', { name });
    return person;
  }

  get cookie(): string {
    return [...this.#cookies].map(([name, value]) => `${name}=${value}`).join('; ');
  }

  /** @returns the stories as the application answers the script of a page that has this stream */
  async write(path: string, fields: Record<string, string>, streamId = ''): Promise<Story[]> {
    const answer = await this.#post(path, fields, { 'x-requested-with': 'XMLHttpRequest', 'stream-id': streamId });
    if (answer.status !== 200) throw new Error(`${path} answers ${answer.status}`);
    return ((await answer.json()) as { stories: Story[] }).stories;
  }

  async #post(path: string, fields: Record<string, string>, headers: Record<string, string> = {}) {
    const answer = await fetch(example.url + path, {
      method: 'POST',
      headers: { cookie: this.cookie, 'x-csrftoken': this.#cookies.get('csrftoken') ?? '', ...headers },
      body: new URLSearchParams(fields),
      redirect: 'manual',
    });
    this.#keep(answer);
    return answer;
  }

  #keep(answer: Response): void {
    for (const cookie of answer.headers.getSetCookie()) {
      const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(cookie) ?? [];
      this.#cookies.set(name, value);
    }
  }
}

const follow = ({ cookie }: Person, from?: string) =>
  openStream(t, example.teamboard, BOARD, { cookie, ...(from && { headers: { 'last-event-id': from } }) });

t.test(
  "the stream of Django's own user: others' stories, no echo, and after a sleep only what changed",
  needsDjango,
  async (t) => {
    const [ada, bo] = [await Person.signIn('Ada'), await Person.signIn('Bo')];
    const [adas, bos] = [await follow(ada), await follow(bo)];
    const { streamId } = (await adas.next('ready')).data;
    await bos.next('ready');

    const [search] = await ada.write('/stories', { title: 'Search', points: '5' }, streamId);
    const { data: created } = await bos.next('changed', ({ data }) => data.resource === 'story');
    t.match(created, {
      action: 'created',
      id: `${search?.id}`,
      actor: { name: 'Ada' },
      object: { title: 'Search', position: 0 },
    });
    t.equal((await adas.next('own')).data.seq, created.seq, 'her own page is told the place, and nothing else');

    const asleep = bos.lastEventId ?? '';
    bos.close();
    await ada.write('/stories', { title: 'Export', points: '3' }, streamId);
    await ada.write('/stories', { title: 'Archive', points: '8' }, streamId);
    await ada.write(`/stories/${search?.id}`, { do: 'down' }, streamId);
    await ada.write('/stories', { title: 'The end', points: '1' });
    const awake = await follow(bo, asleep);
    await awake.next('changed', ({ data }) => data.object.title === 'The end');
    const told = awake.frames.filter(({ data }) => data.resource === 'story');
    t.strictSame(
      told.map(({ event, data }) => [event, data.action, data.object.title, data.object.position]).sort(),
      [
        ['changed', 'created', 'Archive', 2],
        ['changed', 'created', 'Export', 1],
        ['changed', 'created', 'The end', 3],
        ['changed', 'updated', 'Export', 0],
        ['changed', 'updated', 'Search', 1],
      ],
      'of the stories those that have moved, each once',
    );
    const echoed = adas.frames.filter(({ event, data }) => event === 'changed' && data.object.title !== 'The end');
    t.strictSame(
      echoed.filter(({ data }) => data.resource === 'story'),
      [],
      'no echo',
    );
    adas.close();
    awake.close();

    const nobody = await openStream(t, example.teamboard, BOARD, { cookie: 'sessionid=x' });
    t.equal(nobody.status, 401, 'who has no session of Django hears nothing');
  },
);

t.test(
  'pages in two browsers replan, work without Teamboard, and catch up',
  { ...needsDjango, ...needsChromium },
  async (t) => {
    const browser = await startChromium(t);
    const [ada, bo] = [await visit(t, browser, example.url, 'Ada'), await visit(t, browser, example.url, 'Bo')];
    for (const name of ['Ada', 'Bo']) for (const { untilShown } of [ada, bo]) await untilShown('#here', name);
    const before = await ada.texts('.title');
    const add = async ({ page }: typeof ada, title: string) => {
      await page.fill('[name=title]', title);
      await page.press('[name=title]', 'Enter');
    };
    await add(ada, 'First');
    await bo.untilTexts('.title', [...before, 'First']);
    await add(bo, 'Second');
    for (const { untilTexts } of [ada, bo]) await untilTexts('.title', [...before, 'First', 'Second']);
    await bo.page.click('li:last-child button[title=Sooner]');
    for (const { untilTexts } of [ada, bo]) await untilTexts('.title', [...before, 'Second', 'First']);
    // On a list that was read anew this would be gone.
    await bo.page.$eval('li:last-child', (row) => row.setAttribute('data-known', 'yes'));

    await example.stopTeamboard();
    await bo.untilTexts('#here', ['Not live at the moment']);
    await ada.page.click('li:last-child button[title=Sooner]');
    await ada.untilTexts('.title', [...before, 'First', 'Second']);
    await ada.page.reload();
    await ada.untilTexts('.title', [...before, 'First', 'Second']);
    t.strictSame(await bo.texts('.title'), [...before, 'Second', 'First'], 'the other page hears of it later');
    await example.startTeamboard();
    await bo.untilTexts('.title', [...before, 'First', 'Second']);
    t.equal(await bo.page.locator('[data-known]').count(), 1, 'what was known was not read again');
    await ada.untilShown('#here', 'Bo');
  },
);

t.test('it is as small as its README says, and its models know nothing of it', async (t) => {
  const size = sizeOf(
    'examples/django/backlog/views.py',
    'examples/django/backlog/templates',
    'examples/django/backlog/static/backlog.js',
    'examples/django/teamboard.sql',
  );
  t.ok(size < 150, `${size} lines`);
  t.notMatch(readProjectFile('examples/django/backlog/models.py'), /teamboard/i);
});
