// The client in a real browser: tabs on one stream, and what becomes of them when tabs, nodes and networks end.

import type { Browser, Page } from 'playwright-core';
import t, { type Test } from 'tap';
import {
  hasStream,
  type PageWindow,
  setUp as setUpIn,
  statusOf,
  streamsOf,
  toldOf,
  untilAll,
  untilItems,
  untilLive,
} from '../helpers/board-pages.ts';
import { needsChromium, startChromium } from '../helpers/chromium.ts';
import { useDatabase } from '../helpers/node.ts';
import { until } from '../helpers/until.ts';

declare const window: PageWindow;

let browser: Browser;
let databaseUrl = '';

t.before(async () => {
  if ('skip' in needsChromium) return;
  ({ url: databaseUrl } = await useDatabase(t));
  browser = await startChromium(t);
});

const setUp = (t: Test) => setUpIn(t, browser, databaseUrl);

/** Each seq once, in order, or a snapshot in between: a tab that takes over reads anew what only other tabs have shown. */
function isWhole(told: Array<number | string>): boolean {
  return told.every((seq, index) => {
    const last = told[index - 1];
    return typeof seq !== 'number' || typeof last !== 'number' || seq === last + 1;
  });
}

const snapshotsOf = async (page: Page) => (await toldOf(page)).filter((each) => each === 'snapshot').length;

async function leaderOf(pages: Page[]): Promise<{ leader: Page; others: Page[] }> {
  const leads = await Promise.all(pages.map(hasStream));
  const leader = pages[leads.indexOf(true)];
  if (!leader || leads.filter(Boolean).length !== 1) throw new Error(`leaders: ${leads.filter(Boolean).length}`);
  return { leader, others: pages.filter((page) => page !== leader) };
}

// The first waits for most of a minute, until the other tabs have heard nothing for so long.
t.jobs = 2;

t.test(
  'a leader that is frozen gives its place to another tab, and catches up when it thaws (E2)',
  needsChromium,
  async (t) => {
    const { host, context, id, write, open } = await setUp(t);
    const pages = [await open(id), await open(id), await open(id)];
    await untilLive(pages);
    await write('before');
    await untilItems(pages, id, 1);
    const { leader, others } = await leaderOf(pages);
    const session = await context.newCDPSession(leader);
    // As a browser freezes a tab without a word to it: no line of its script runs any more, and it keeps its lock.
    await session.send('Debugger.enable');
    await session.send('Debugger.pause');
    await write('meanwhile');
    await untilItems(others, id, 2);
    await untilLive(others);
    const { leader: next } = await leaderOf(others);
    await session.send('Debugger.disable');
    await untilItems([leader], id, 2);
    await write('after');
    await untilItems(pages, id, 3);
    await untilLive(pages);
    await until(async () => (await streamsOf(context, host, id)) === 1, 'one stream for all');
    t.ok(await hasStream(next), 'who has taken the place keeps it');
    for (const page of pages) t.ok(isWhole(await toldOf(page)), 'nothing is missing, nothing comes twice');
  },
);

t.test('seven tabs on HTTP/1.1 have one stream, and outlive the one that has it (E2)', needsChromium, async (t) => {
  const { host, context, id, createBoard, write, open } = await setUp(t);
  const second = await createBoard();
  const pages: Page[] = [];
  for (let count = 0; count < 6; count += 1) pages.push(await open(id));
  pages.push(await open(id, second));
  await untilLive(pages);
  // The last tab has made it another one, of more boards: the node hears of the end of the old one a moment later.
  const hasOne = (board: string) => until(async () => (await streamsOf(context, host, board)) === 1, 'one stream');
  t.ok(await hasOne(second), 'of the board that one of them shows');
  t.ok(await hasOne(id), 'one stream for all');
  await write('one');
  await untilItems(pages, id, 1);
  const answered = await Promise.all(pages.map((page) => page.evaluate(async () => (await fetch('/livez')).status)));
  t.strictSame([...new Set(answered)], [200], 'and there are connections left for everything else');

  const { leader, others } = await leaderOf(pages);
  await leader.close();
  await write('two');
  await untilItems(others, id, 2);
  await untilLive(others);
  t.ok(await hasOne(id), 'after the leader was closed');

  const { leader: next, others: rest } = await leaderOf(others);
  const crashed = next.waitForEvent('crash');
  void (await context.newCDPSession(next)).send('Page.crash').catch(() => {});
  await crashed;
  await write('three');
  await untilItems(rest, id, 3);
  await untilLive(rest);
  for (const page of rest) t.ok(isWhole(await toldOf(page)), 'nothing is missing, nothing comes twice');
  await until(async () => (await streamsOf(context, host, id)) === 1, 'the stream of the crashed page to end');
});

t.test('a node that is killed and started again loses nobody (E1, E2)', needsChromium, async (t) => {
  const { node, start, id, write, open } = await setUp(t);
  const pages = [await open(id), await open(id), await open(id)];
  await untilLive(pages);
  await write('before');
  await untilItems(pages, id, 1);
  const before = await Promise.all(pages.map(snapshotsOf));
  node.kill('SIGKILL');
  await node.exit();
  await untilAll(pages, async (page) => (await statusOf(page)) === 'offline', 'all to be offline');
  await start();
  await write('after');
  await untilItems(pages, id, 2);
  await untilLive(pages);
  for (const page of pages) {
    const told = await toldOf(page);
    t.ok(isWhole(told), `${told}`);
  }
  t.strictSame(await Promise.all(pages.map(snapshotsOf)), before, 'and nothing is read anew');
});

t.test('a page that was offline catches up at once when it is back (E1, E2)', needsChromium, async (t) => {
  const { host, node, context, id, write, open } = await setUp(t);
  const pages = [await open(id), await open(id)];
  await untilLive(pages);
  await write('before');
  await untilItems(pages, id, 1);
  await context.setOffline(true);
  // What the browser leaves open of its connections.
  host.target = undefined;
  host.cut();
  await untilAll(pages, async (page) => (await statusOf(page)) !== 'live', 'both to notice');
  await context.setOffline(false);
  host.target = node.url;
  await untilLive(pages);
  await write('after');
  await untilItems(pages, id, 2);
  for (const page of pages) t.ok(isWhole(await toldOf(page)));
});

t.test('a page that comes back as it was goes on from where it was (E2)', needsChromium, async (t) => {
  const { host, context, id, write, open } = await setUp(t);
  const page = await open(id);
  await untilLive([page]);
  await write('before');
  await untilItems([page], id, 1);
  await page.goto(`${host.url}/livez`);
  await until(async () => (await streamsOf(context, host, id)) === 0, 'the page to let go');
  await write('meanwhile');
  // One that comes back as it was loads nothing.
  await page.goBack({ waitUntil: 'commit' });
  const isCached = await page.evaluate(() => window.cameBack ?? false);
  t.comment(
    isCached ? 'the page came back as it was' : 'this browser keeps no page: it was loaded anew, and is told so',
  );
  if (!isCached) {
    await untilLive([page]);
    await page.evaluate(() => {
      dispatchEvent(new PageTransitionEvent('pagehide', { persisted: true }));
      dispatchEvent(new PageTransitionEvent('pageshow', { persisted: true }));
    });
  }
  await untilItems([page], id, 2);
  await untilLive([page]);
  await until(async () => (await streamsOf(context, host, id)) === 1, 'one stream');
  t.ok(isWhole(await toldOf(page)));
});

declare class PageTransitionEvent {
  constructor(type: string, init: { persisted: boolean });
}
declare function dispatchEvent(event: PageTransitionEvent): void;
