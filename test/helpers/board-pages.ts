// Pages of a real browser that show boards of a real node.

import type { Browser, BrowserContext, Page } from 'playwright-core';
import type { Test } from 'tap';
import { openContext } from './chromium.ts';
import { findFreePort } from './free-port.ts';
import { type PageHost, startPageHost } from './page-host.ts';
import { spawnNode } from './process.ts';
import { until } from './until.ts';

/** Shows the boards of its address, and keeps all that it is told of the first one. */
const page = `<!doctype html><title>Boards</title>
<script>
  const NativeSource = EventSource;
  window.sources = [];
  window.EventSource = class extends NativeSource {
    constructor(...given) { super(...given); sources.push(this); }
  };
</script>
<script type="module">
  import { connect } from '/client.js';
  const boards = new URL(location).searchParams.getAll('board');
  window.client = connect({ boards });
  window.told = [];
  window.statuses = [];
  client.board(boards[0]).onApplied((applied) => told.push(applied.event?.seq ?? applied.kind));
  client.onStatus(({ name }) => statuses.push(name));
  addEventListener('pageshow', ({ persisted }) => { window.cameBack = persisted; });
</script>`;

export interface PageWindow {
  client: import('../../src/client/live.ts').Live;
  told: Array<number | string>;
  statuses: string[];
  sources: Array<{ readyState: number }>;
  cameBack: boolean;
}
declare const window: PageWindow;

/** A browser of its own with a signed-in user and a board, behind a host of pages in front of a node. */
export async function setUp(t: Test, browser: Browser, databaseUrl: string) {
  const port = String(await findFreePort());
  const start = () => spawnNode(t, { DATABASE_URL: databaseUrl, PORT: port });
  const node = await start();
  const host = await startPageHost(t, (path) => (path === '/boards.html' ? page : undefined), node.url);
  const context = await openContext(t, browser);
  await context.request.post(`${host.url}/guests`, { data: { name: 'Ada' } });
  const createBoard = async () => {
    const answer = await context.request.post(`${host.url}/boards`, { data: { name: 'Plans' } });
    return ((await answer.json()) as { board: { id: string } }).board.id;
  };
  const id = await createBoard();
  const write = async (text: string) => {
    const answer = await context.request.post(`${host.url}/boards/${id}/items`, { data: { text } });
    t.equal(answer.status(), 201, `writes ${text}`);
  };
  const open = (...boards: string[]) => openPage(context, host, boards);
  return { host, node, start, context, id, createBoard, write, open };
}

async function openPage(context: BrowserContext, host: PageHost, boards: string[]): Promise<Page> {
  const opened = await context.newPage();
  await opened.goto(`${host.url}/boards.html?${boards.map((id) => `board=${id}`).join('&')}`);
  return opened;
}

export const statusOf = (page: Page) => page.evaluate(() => window.client.status.name);
export const toldOf = (page: Page) => page.evaluate(() => window.told);
export const itemsOf = (page: Page, id: string) => page.evaluate((id) => window.client.board(id).state.items.size, id);
export const hasStream = (page: Page) => page.evaluate(() => window.sources.some(({ readyState }) => readyState === 1));

export async function untilAll(
  pages: Page[],
  condition: (page: Page) => Promise<boolean>,
  what: string,
): Promise<void> {
  for (const page of pages) await until(() => condition(page), what);
}

export const untilLive = (pages: Page[]) =>
  untilAll(pages, async (page) => (await statusOf(page)) === 'live', 'all to be live');

export const untilItems = (pages: Page[], id: string, count: number) =>
  untilAll(pages, async (page) => (await itemsOf(page, id)) === count, `${count} items`);

/** How many streams the node has of the board. */
export async function streamsOf(context: BrowserContext, host: PageHost, id: string): Promise<number> {
  const answer = await context.request.get(`${host.url}/boards/${id}/presence`);
  const { users } = (await answer.json()) as { users: Array<{ streams: number }> };
  return users.reduce((sum, { streams }) => sum + streams, 0);
}
