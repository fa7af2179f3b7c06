// How the connection is, as a person sees it: the server dies and comes back, and many tabs of one browser.

import type { Page } from 'playwright-core';
import type { Test } from 'tap';
import { addNote, signIn, statusOf, untilStatus, untilTexts, type World } from '../../helpers/app-pages.ts';
import { streamsOf } from '../../helpers/board-pages.ts';
import { findFreePort } from '../../helpers/free-port.ts';
import { startPageHost } from '../../helpers/page-host.ts';
import { spawnNode } from '../../helpers/process.ts';
import { until } from '../../helpers/until.ts';

export async function restart(t: Test, world: World) {
  const port = String(await findFreePort());
  const start = () => spawnNode(t, { DATABASE_URL: world.databaseUrl, PORT: port });
  const node = await start();
  const host = await startPageHost(t, () => undefined, node.url);
  const ada = await signIn(t, { ...world, host }, 'Ada');
  const id = await ada.createBoard();
  await ada.open(id);
  const { page } = ada;
  await addNote(page, 'Before');
  await untilStatus(page, /^Live$/);
  const said = await recordStatus(page);

  node.kill('SIGKILL');
  await node.exit();
  await untilStatus(page, /^(?:Reconnecting|Offline) since \d/);
  await addNote(page, 'One');
  await addNote(page, 'Two');
  await untilStatus(page, /^(?:Reconnecting|Offline) since \d.*, [1-9]\d* changes? unsent$/);
  await start();
  await untilStatus(page, /^Live$/);
  await untilTexts(page, ['Before', 'One', 'Two']);

  const answer = await ada.context.request.get(`/boards/${id}`);
  const { items } = (await answer.json()) as { items: Array<{ text: string }> };
  t.strictSame(items.map(({ text }) => text).sort(), ['Before', 'One', 'Two'], 'each once on the board itself (E1)');
  t.match(
    (await said()).find((line) => !/^Live/.test(line)),
    /^Reconnecting since \d/,
    'what was said first',
  );
  for (const { complaints } of [ada]) expectCut(complaints);
}

/** @returns what `role="status"` has said from now on, each line once */
async function recordStatus(page: Page): Promise<() => Promise<string[]>> {
  await page
    .getByRole('status')
    .first()
    .evaluate((status) => {
      type Recorded = { said: string[]; MutationObserver: new (listener: () => void) => Observer };
      type Observer = { observe(target: unknown, options: object): void };
      const recorded = globalThis as unknown as Recorded;
      recorded.said = [];
      new recorded.MutationObserver(() => recorded.said.push(String(status.textContent))).observe(status, {
        ...{ subtree: true, childList: true, characterData: true },
      });
    });
  return () => page.evaluate(() => (globalThis as unknown as { said: string[] }).said);
}

/** What a browser says of requests that nobody answers. */
function expectCut(complaints: string[]): void {
  const left = complaints.filter((each) => !/ERR_|Failed to load resource/.test(each));
  complaints.splice(0, complaints.length, ...left);
}

export async function tabs(t: Test, world: World) {
  const ada = await signIn(t, world, 'Ada');
  const id = await ada.createBoard('canvas', [{ text: 'Seen by all' }]);
  await ada.open(id);
  const pages = [ada.page];
  // One more than the connections that a browser has to a server by HTTP/1.1.
  for (let count = 1; count < 7; count += 1) {
    const page = await ada.context.newPage();
    await page.goto(`/b/${id}`);
    pages.push(page);
  }
  for (const page of pages) await untilStatus(page, /^Live$/);
  await addNote(ada.page, 'Said in one');
  for (const page of pages) await untilTexts(page, ['Seen by all', 'Said in one']);
  await until(async () => (await streamsOf(ada.context, world.host, id)) === 1, 'one stream for all');
  t.strictSame(await Promise.all(pages.map(statusOf)), Array(7).fill('Live'));
  t.equal((await ada.context.request.get('/session')).status(), 200, 'and there is room for more requests');
}
