// People with browsers of their own who use the board application of one node.

import type { Browser, BrowserContext, BrowserContextOptions, Page } from 'playwright-core';
import type { Test } from 'tap';
import { openContext, startChromium } from './chromium.ts';
import { startNode, useDatabase } from './node.ts';
import { type PageHost, startPageHost } from './page-host.ts';
import { until } from './until.ts';

export interface World {
  browser: Browser;
  /** In front of the node; a test may cut it off. */
  host: PageHost;
  /** The node's own address. */
  nodeUrl: string;
  databaseUrl: string;
  /** Of another site, which the node lets in. Its page at `/` is what a test puts there. */
  elsewhere: PageHost & { page: string };
  /** What the browsers of the running test have complained about. */
  complaints: string[][];
}

export async function createWorld(t: Test): Promise<World> {
  const database = await useDatabase(t);
  const other = await startPageHost(t, () => elsewhere.page);
  const elsewhere = Object.assign(other, { page: '<!doctype html>' });
  const node = await startNode(t, database.url, { corsOrigins: [elsewhere.url] });
  const host = await startPageHost(t, () => undefined, node.url);
  // Behind the host: it ends its streams before the node is asked to close.
  t.teardown(() => host.cut());
  return {
    browser: await startChromium(t),
    host,
    nodeUrl: node.url,
    databaseUrl: database.url,
    elsewhere,
    complaints: [],
  };
}

export interface Person {
  page: Page;
  context: BrowserContext;
  id: string;
  /** What the browser has complained about: errors of scripts, and what the policy of the page has refused. */
  complaints: string[];
  /** @returns the id of a new board of this person */
  createBoard(layout?: 'canvas' | 'list', items?: object[]): Promise<string>;
  /** @returns the path of the page that a link to the board leads to */
  createLink(boardId: string): Promise<string>;
  /** Makes somebody else an editor of the board. */
  invite(other: Person, boardId: string): Promise<void>;
  /** Opens the board, and waits until it is live. */
  open(boardId: string): Promise<void>;
}

/** Nobody yet, with an empty browser. */
export async function visit(t: Test, { browser, host, complaints: all }: World, options: BrowserContextOptions = {}) {
  const context = await openContext(t, browser, { baseURL: host.url, reducedMotion: 'reduce', ...options });
  const page = await context.newPage();
  const complaints: string[] = [];
  all.push(complaints);
  page.on('console', (message) => {
    // It is the test that reads canvases again and again: no page does.
    if (message.text().includes('willReadFrequently')) return;
    if (['error', 'warning'].includes(message.type())) complaints.push(message.text());
  });
  page.on('pageerror', (error) => complaints.push(String(error.stack)));
  return { context, page, complaints };
}

/** A guest who has signed in already. */
export async function signIn(t: Test, world: World, name: string, options?: BrowserContextOptions): Promise<Person> {
  const visitor = await visit(t, world, options);
  const { context, page } = visitor;
  const post = async (path: string, data: object) => {
    const answer = await context.request.post(path, { data });
    if (!answer.ok()) throw new Error(`${path}: ${answer.status()} ${await answer.text()}`);
    return answer.json();
  };
  const { user } = (await post('/guests', { name })) as { user: { id: string } };
  return {
    ...visitor,
    id: user.id,
    async createBoard(layout = 'canvas', items = []) {
      const { board } = (await post('/boards', { name: `Plans of ${name}`, layout })) as { board: { id: string } };
      const operations = items.map((item) => ({ op: 'create', item }));
      if (operations.length > 0) await post(`/boards/${board.id}/batch`, { operations });
      return board.id;
    },
    async createLink(boardId) {
      const { token } = (await post(`/boards/${boardId}/invites`, { role: 'editor' })) as { token: string };
      return `/i/${token}`;
    },
    async invite(other, boardId) {
      const { token } = (await post(`/boards/${boardId}/invites`, { role: 'editor' })) as { token: string };
      const answer = await other.context.request.post(`/invites/${token}/accept`);
      if (!answer.ok()) throw new Error(`the invitation: ${answer.status()}`);
    },
    async open(boardId) {
      await page.goto(`/b/${boardId}`);
      await untilStatus(page, /^Live$/);
    },
  };
}

export const statusOf = (page: Page) => page.getByRole('status').first().innerText();

export const untilStatus = (page: Page, status: RegExp) =>
  until(async () => status.test(await statusOf(page).catch(() => '')), `the status ${status}`);

export const noteOf = (page: Page, text: string) => page.locator('[data-item-id]').filter({ hasText: text });

/** Texts of the notes that the page shows, in its order. */
export const textsOf = (page: Page) => page.locator('[data-item-id] .text').allInnerTexts();

/** Waits for the notes of a list, in its order. */
export const untilTexts = (page: Page, texts: string[]) => untilShown(page, texts, (shown) => shown);

/** Waits for the notes of a canvas, on which they lie in no order. */
export const untilNotes = (page: Page, texts: string[]) => untilShown(page, texts.sort(), (shown) => shown.sort());

async function untilShown(page: Page, texts: string[], order: (shown: string[]) => string[]): Promise<void> {
  let shown: string[] = [];
  const isSo = async () => {
    shown = order(await textsOf(page));
    return `${shown}` === `${texts}`;
  };
  await until(isSo, () => `the notes ${texts}, and saw ${shown}`);
}

/** What is drawn where: the zoom, and what lies in the corner of the view. */
export async function cameraOf(page: Page) {
  const transform = await page
    .locator('.surface')
    .evaluate((surface) => (surface as unknown as { style: { transform: string } }).style.transform);
  const [zoom = 0, x = 0, y = 0] = [...transform.matchAll(/-?[\d.]+(?:e-?\d+)?/g)].map(([number]) => Number(number));
  return { zoom, x: -x, y: -y };
}

/** By the button, with the text, and the field closed again. */
export async function addNote(page: Page, text: string): Promise<void> {
  await page.getByRole('button', { name: 'Add note' }).click();
  await page.getByRole('textbox', { name: 'Note text' }).fill(text);
  await page.keyboard.press('Escape');
  await noteOf(page, text).waitFor();
}
