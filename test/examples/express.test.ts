// examples/express, started as its README says: what other people's pages are told, and what a page shows.

import t from 'tap';
import { needsChromium, startChromium } from '../helpers/chromium.ts';
import { openStream } from '../helpers/event-stream.ts';
import { sizeOf, startExample } from '../helpers/example.ts';
import { visit } from '../helpers/example-page.ts';
import { until } from '../helpers/until.ts';

const BOARD = '~race:1';
const TEXT = 'The quick brown fox jumps over the lazy dog.';
const example = await startExample(t, {
  readme: 'examples/express/README.md',
  database: 'postgres://race:race@127.0.0.1/race',
  application: 'http://127.0.0.1:5000',
});

/** @returns the cookie of somebody who has come in */
async function signIn(name: string): Promise<string> {
  const answer = await fetch(`${example.url}/sign-in`, {
    method: 'POST',
    body: new URLSearchParams({ name }),
    redirect: 'manual',
  });
  return answer.headers.getSetCookie()[0]?.split(';')[0] ?? '';
}

/** As the page's script does. @returns the row of the result */
async function finish(cookie: string, seconds: string, streamId = '') {
  const answer = await fetch(`${example.url}/results`, {
    method: 'POST',
    headers: { cookie, 'stream-id': streamId },
    body: new URLSearchParams({ seconds }),
  });
  if (answer.status !== 200) throw new Error(`the result: ${answer.status}`);
  return (await answer.json()) as { id: number };
}

const follow = (cookie: string, from?: string) =>
  openStream(t, example.teamboard, BOARD, { cookie, ...(from && { headers: { 'last-event-id': from } }) });

t.test("the stream of Express's own user: others' results, no echo, and after a sleep only what changed", async (t) => {
  const [ada, bo] = [await signIn('Ada'), await signIn('Bo')];
  const [adas, bos] = [await follow(ada), await follow(bo)];
  const { streamId } = (await adas.next('ready')).data;
  await bos.next('ready');

  const first = await finish(ada, '61.5', streamId);
  const { data: created } = await bos.next('changed', ({ data }) => data.resource === 'results');
  t.match(created, {
    action: 'created',
    id: `${first.id}`,
    actor: { name: 'Ada' },
    object: { racer: 'Ada', seconds: 61.5 },
  });
  t.equal((await adas.next('own')).data.seq, created.seq, 'her own page is told the place, and nothing else');

  const progress = await fetch(`${example.teamboard}/boards/${BOARD}/broadcasts`, {
    method: 'POST',
    headers: { cookie: bo, 'content-type': 'application/json' },
    body: JSON.stringify({ name: 'typed', data: { done: 0.5 } }),
  });
  t.equal(progress.status, 202);
  t.match(await adas.next('broadcast'), {
    data: { name: 'typed', data: { done: 0.5 }, from: { user: { name: 'Bo' } } },
  });

  const asleep = bos.lastEventId ?? '';
  bos.close();
  await finish(ada, '59.5', streamId);
  await finish(ada, '58');
  const awake = await follow(bo, asleep);
  await awake.next('changed', ({ data }) => data.object.seconds === 58);
  const told = awake.frames.filter(({ event }) => event === 'changed');
  t.strictSame(
    told.map(({ data }) => [data.action, data.object.seconds]),
    [
      ['created', 59.5],
      ['created', 58],
    ],
    'each that it has missed, once',
  );
  t.notOk(
    adas.frames.some(({ event, data }) => event === 'changed' && data.object.seconds === 59.5),
    'no echo',
  );
  adas.close();
  awake.close();

  const nobody = await openStream(t, example.teamboard, BOARD, { cookie: 'race=x' });
  t.equal(nobody.status, 401, 'who has no token of the application hears nothing');
});

t.test('two race in two browsers, also without Teamboard, and catch up', needsChromium, async (t) => {
  const browser = await startChromium(t);
  const [cleo, dan] = [await visit(t, browser, example.url, 'Cleo'), await visit(t, browser, example.url, 'Dan')];
  for (const name of ['Cleo', 'Dan']) for (const { untilShown } of [cleo, dan]) await untilShown('#here', name);
  const [first = '', ...others] = await cleo.texts('#results li');
  t.equal(first, 'Ada: 58 s');

  await cleo.page.fill('#typed', TEXT.slice(0, 22));
  await dan.untilTexts('#others li', ['Cleo']);
  const shown = () => dan.page.$eval('#others progress', (bar) => (bar as unknown as { value: number }).value);
  await until(async () => (await shown()) === 0.5, 'how far she is');
  t.strictSame(await cleo.texts('#others li'), [], 'her own place is not among the others');

  const race = async ({ page }: typeof cleo) => {
    await page.fill('#typed', 'T');
    await page.fill('#typed', TEXT);
  };
  // Faster than anybody before: by a hand it cannot be.
  await race(cleo);
  for (const { untilShown } of [cleo, dan]) await untilShown('#results li:first-child', 'Cleo: ');
  t.strictSame((await dan.texts('#results li')).slice(1), [first, ...others], 'in the order of time');

  await example.stopTeamboard();
  for (const { untilTexts } of [cleo, dan]) await untilTexts('#here', ['Not live at the moment']);
  await race(dan);
  await dan.untilShown('#results', 'Dan: ');
  await dan.page.reload();
  await dan.untilShown('#results', 'Dan: ');
  t.notMatch((await cleo.texts('#results')).join(), /Dan/, 'the other page hears of it later');
  await example.startTeamboard();
  await cleo.untilShown('#results', 'Dan: ');
  await cleo.untilShown('#here', 'Dan');
  await dan.page.context().close();
  await until(async () => !/Dan/.test((await cleo.texts('#here')).join()), 'who has left without a word to be gone');
});

t.test('it is as small as its README says', async (t) => {
  const size = sizeOf(
    'examples/express/server.js',
    'examples/express/public/race.js',
    'examples/express/teamboard.sql',
  );
  t.ok(size < 150, `${size} lines`);
});
