// docs/client.md as the author of a page would try it: what it shows runs in a real browser, against a real node.

import { text } from 'node:stream/consumers';
import type { Browser, Page } from 'playwright-core';
import t from 'tap';
import { type PageWindow, setUp, untilAll, untilLive } from '../helpers/board-pages.ts';
import { needsChromium, openContext, startChromium } from '../helpers/chromium.ts';
import { Client } from '../helpers/client.ts';
import { findFreePort } from '../helpers/free-port.ts';
import { useDatabase } from '../helpers/node.ts';
import { startPageHost } from '../helpers/page-host.ts';
import { textOf } from '../helpers/pages.ts';
import { type NodeProcess, spawnNode } from '../helpers/process.ts';
import { until } from '../helpers/until.ts';

declare const window: PageWindow;

let browser: Browser;
let databaseUrl = '';

t.before(async () => {
  if ('skip' in needsChromium) return;
  ({ url: databaseUrl } = await useDatabase(t));
  browser = await startChromium(t);
});

t.test('the first page of docs/client.md shows a board of its own origin', needsChromium, async (t) => {
  const node = await spawnNode(t, { DATABASE_URL: databaseUrl });
  const page = textOf('docs/client.md', 'A board on a page');
  const site = await startPageHost(t, (path) => (path === '/plans.html' ? page : undefined), node.url);
  const user = await Client.signUp(node);
  const id = await user.createBoard();
  await user.post(`/boards/${id}/items`, { text: 'Milk' });
  const context = await openContext(t, browser);
  const [name = '', value = ''] = user.cookie.split('=');
  await context.addCookies([{ name, value, url: site.url }]);
  const tab = await context.newPage();
  await tab.goto(`${site.url}/plans.html?board=${id}`);
  const shows = async (texts: string[]) => `${await tab.locator('#notes li').allTextContents()}` === `${texts}`;
  await until(() => shows(['Milk']), 'the board');
  await user.post(`/boards/${id}/items`, { text: 'Bread' });
  await until(() => shows(['Milk', 'Bread']), 'what came later');
});

t.test(
  'the page of docs/client.md shows two boards, of another site, and outlives the node (E1, E2)',
  needsChromium,
  async (t) => {
    const port = String(await findFreePort());
    let node: NodeProcess;
    let secret = '';
    let tickets = 0;
    const askTicket = async (boards: string[]) => {
      // As the page shows it, with the address of this node.
      const code = textOf('docs/client.md', 'Two boards on a page', 2).replaceAll('https://boards.example', node.url);
      const ask = new Function('token', 'boards', `return (async () => { ${code}; return answer; })()`);
      const answer = (await ask(secret, boards)) as Response;
      t.equal(answer.status, 201);
      tickets += 1;
      return JSON.stringify(await answer.json());
    };
    const ids: string[] = [];
    const site = await startPageHost(t, async (path, request) => {
      if (path === '/ticket') return askTicket((JSON.parse(await text(request)) as { boards: string[] }).boards);
      if (path !== '/') return undefined;
      return textOf('docs/client.md', 'Two boards on a page', 1)
        .replace('https://boards.example', node.url)
        .replace(/'[0-9a-f-]{36}'/, `'${ids[0]}'`)
        .replace(/chores: '[0-9a-f-]{36}'/, `chores: '${ids[1]}'`);
    });
    const start = () => spawnNode(t, { DATABASE_URL: databaseUrl, PORT: port, CORS_ORIGINS: site.url });
    node = await start();
    const user = await Client.signUp(node);
    secret = (await user.post('/tokens', { name: 'site' })).body.secret;
    ids.push(await user.createBoard(), await user.createBoard());
    const write = (board: number, text: string) => user.post(`/boards/${ids[board]}/items`, { text });
    await write(0, 'Milk');
    await write(1, 'Bins');

    const context = await openContext(t, browser);
    const pages = [await context.newPage(), await context.newPage()];
    for (const page of pages) await page.goto(site.url);
    const shows = async (page: Page, list: string, texts: string[]) =>
      `${await page.locator(`#${list} li`).allTextContents()}` === `${texts}`;
    const says = (page: Page) => page.locator('#status').textContent();
    await untilAll(pages, async (page) => (await says(page))?.endsWith(' live') ?? false, 'the pages to be live');
    await untilAll(pages, (page) => shows(page, 'plans', ['Milk']), 'the first board');
    await untilAll(pages, (page) => shows(page, 'chores', ['Bins']), 'the second board');
    t.equal(tickets, 1, 'both tabs by one stream');

    node.kill('SIGKILL');
    await node.exit();
    await untilAll(
      pages,
      async (page) => (await says(page))?.endsWith(' offline') ?? false,
      'the pages to say offline',
    );
    node = await start();
    await write(0, 'Bread');
    await untilAll(pages, (page) => shows(page, 'plans', ['Milk', 'Bread']), 'what was written since');
    await untilAll(pages, async (page) => (await says(page))?.endsWith(' live') ?? false, 'the pages to be live again');
  },
);

t.test('the snippets of docs/client.md run in a page', needsChromium, async (t) => {
  const { host, id, write, open } = await setUp(t, browser, databaseUrl);
  const [page, other] = [await open(id), await open(id)];
  await untilLive([page, other]);
  const logged: string[] = [];
  page.on('console', (message) => logged.push(message.text()));
  const logs = (text: string | RegExp) => until(() => logged.some((line) => line.match(text)), `${text} of ${logged}`);
  const snippets = [
    textOf('docs/client.md', 'What is shown, and what has changed'),
    textOf('docs/client.md', 'Cursors and typing').replaceAll('https://boards.example', host.url),
  ];
  for (const content of snippets) {
    await page.addScriptTag({
      type: 'module',
      content: `const id = '${id}';\n${content}`,
    });
  }
  await write('Milk');
  await logs('Ada created item');
  await other.bringToFront();
  await other.addScriptTag({
    type: 'module',
    content: `import { sender } from '${host.url}/client-broadcasts.js';
sender(client, client.board('${id}'))('cursor', { x: 12, y: 34 });`,
  });
  await page.bringToFront();
  await logs('Ada is at 12, 34');
});
