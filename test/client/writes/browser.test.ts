// Writes in a real browser: its IndexedDB, its locks, its tabs.

import type { Page } from 'playwright-core';
import t from 'tap';
import type { Live } from '../../../src/client/live.ts';
import type { BoardWrites, Writes } from '../../../src/client/writes/offered.ts';
import { needsChromium, openContext, startChromium } from '../../helpers/chromium.ts';
import { startNode, useDatabase } from '../../helpers/node.ts';
import { startPageHost } from '../../helpers/page-host.ts';
import { until } from '../../helpers/until.ts';

const html = `<!doctype html><title>Board</title>
<script type="module">
  import { connect } from '/client.js';
  import { openWrites } from '/client-writes.js';
  const { user } = await (await fetch('/session')).json();
  const id = new URL(location).searchParams.get('board');
  window.client = connect({ boards: [id] });
  window.writes = openWrites(client, { user: user.id });
  window.board = writes.board(id);
  window.texts = () => [...client.board(id).state.items.values()].map(({ text }) => text).sort().join();
</script>`;

interface PageWindow {
  client: Live;
  writes: Writes;
  board: BoardWrites;
  texts(): string;
}
declare const window: PageWindow;

t.test('what a tab could not send is in IndexedDB, and sent by the next tab, once', needsChromium, async (t) => {
  const database = await useDatabase(t);
  const node = await startNode(t, database.url);
  const host = await startPageHost(t, (path) => (path === '/board.html' ? html : undefined), node.url);
  const browser = await startChromium(t);
  const context = await openContext(t, browser);
  await context.request.post(`${host.url}/guests`, { data: { name: 'Ada' } });
  const made = await context.request.post(`${host.url}/boards`, { data: { name: 'Plans' } });
  const { id } = ((await made.json()) as { board: { id: string } }).board;
  const open = async () => {
    const page = await context.newPage();
    await page.goto(`${host.url}/board.html?board=${id}`);
    await until(() => page.evaluate(() => window.client?.status.name === 'live'), 'the stream');
    return page;
  };
  const shows = (page: Page, texts: string) =>
    until(async () => (await page.evaluate(() => window.texts())) === texts, `${texts} to be shown`);
  const untilKept = (page: Page, unsent: number) =>
    until(
      () =>
        page.evaluate((count) => window.writes.state.kept === 'yes' && window.writes.state.unsent === count, unsent),
      `${unsent} kept`,
    );

  const first = await open();
  await first.evaluate(() => window.board.create({ text: 'Milk' }).settled);
  await shows(first, 'Milk');
  await untilKept(first, 0);
  // Without a server: the page is there, and nobody answers.
  host.target = undefined;
  host.cut();
  await first.evaluate(() => {
    const { ids } = window.board.create({ text: 'Bread' });
    window.board.update(ids[0] ?? '', { text: 'Rolls' });
    window.board.create({ text: 'Jam' });
  });
  await shows(first, 'Jam,Milk,Rolls');
  await untilKept(first, 2);
  await first.close();

  host.target = node.url;
  const second = await open();
  await shows(second, 'Jam,Milk,Rolls');
  await untilKept(second, 0);
  const third = await open();
  await shows(third, 'Jam,Milk,Rolls');
  // A tab that is closed while another one is open leaves its writes to that.
  await second.evaluate(() => {
    globalThis.fetch = () => Promise.reject(new TypeError('no network'));
    window.board.create({ text: 'Tea' });
  });
  await untilKept(second, 1);
  await second.close();
  await shows(third, 'Jam,Milk,Rolls,Tea');
  await untilKept(third, 0);
  const events = await database.sql(
    `select object ->> 'text' as text from teamboard.board_events where board_id = $1 and resource = 'item' order by seq`,
    [id],
  );
  t.strictSame(events.map(({ text }) => text).sort(), ['Jam', 'Milk', 'Rolls', 'Tea'], 'each once');
});
