// Teamboard as an application that somebody has installed: what it opens with, with a network and without.

import type { Page } from 'playwright-core';
import type { Test } from 'tap';
import { signIn, untilStatus, type World } from '../../helpers/app-pages.ts';
import { startPageHost } from '../../helpers/page-host.ts';
import { until } from '../../helpers/until.ts';
import { forgetsAtSignOut, opensAsKept } from './kept.ts';

interface Browser {
  caches: { keys(): Promise<string[]>; open(name: string): Promise<{ keys(): Promise<Array<{ url: string }>> }> };
  navigator: { serviceWorker: { ready: Promise<{ update(): Promise<unknown> }>; controller: unknown } };
}
declare const window: Browser;

const keptBy = (page: Page) => page.evaluate(() => window.caches.keys());
const isControlled = (page: Page) => page.evaluate(() => Boolean(window.navigator.serviceWorker.controller));

export async function installed(t: Test, world: World) {
  const answers = new Map<string, string>();
  const host = await startPageHost(t, (path) => answers.get(path), world.nodeUrl);
  const ada = await signIn(t, { ...world, host }, 'Ada');
  const { page, context } = ada;
  const id = await ada.createBoard('canvas', [{ text: 'Ours' }]);
  await ada.open(id);
  t.notOk(await isControlled(page), 'a page in a browser gets no worker');
  t.strictSame(await keptBy(page), []);

  // As browsers say it in a window of its own.
  await context.addInitScript(`{
    const ask = window.matchMedia.bind(window);
    window.matchMedia = (query) => (/display-mode: standalone/.test(query) ? { matches: true } : ask(query));
  }`);
  await page.reload();
  await untilStatus(page, /^Live$/);
  await page.evaluate(() => window.navigator.serviceWorker.ready.then(() => {}));
  await page.reload();
  await untilStatus(page, /^Live$/);
  t.ok(await isControlled(page));
  const [name = '', ...others] = await keptBy(page);
  t.strictSame(others, []);
  const urls = await page.evaluate(
    async (cache) => (await (await window.caches.open(cache)).keys()).map(({ url }) => url),
    name,
  );
  const kept = urls.map((url) => url.slice(host.url.length)).filter((path) => !path.startsWith('/assets/'));
  t.strictSame(kept.sort(), ['/', '/favicon.svg', '/site.webmanifest'], 'nothing that the server says of anybody');

  await opensAsKept(t, world, host, ada, id);

  answers.set('/', '<!doctype html><title>The next version</title><link rel="icon" href="data:,">');
  await page.goto('/');
  t.equal(await page.title(), 'The next version', 'who can reach the server has all from there');
  answers.delete('/');

  const code = await (await context.request.get('/worker.js')).text();
  const next = 'teamboard-shell-next';
  answers.set('/worker.js', code.replace(name.replace('teamboard-shell-', ''), 'next'));
  await page.goto(`/b/${id}`);
  await untilStatus(page, /^Live$/);
  await page.evaluate(() => window.navigator.serviceWorker.ready.then((registration) => registration.update()));
  await until(async () => (await keptBy(page)).includes(next), 'what the next version keeps');
  t.ok((await keptBy(page)).includes(name), 'an open page may still load of its own version');
  await forgetsAtSignOut(page);
  // Who is nobody has no board to be shown.
  const { target } = host;
  host.target = undefined;
  host.cut();
  await page.goto(`/b/${id}`);
  await page.getByRole('heading', { name: 'Teamboard cannot be reached' }).waitFor();
  host.target = target;
  await page.getByRole('button', { name: 'Try again' }).click();
  await page.getByRole('heading', { name: 'Who are you?' }).waitFor();
  await page.close();
  const keptLater = async () => {
    // One that is opened too soon still belongs to the old version, and is closed again.
    const later = await context.newPage();
    await later.goto('/robots.txt');
    const names = await keptBy(later);
    await later.close();
    return names;
  };
  await until(async () => `${await keptLater()}` === next, 'what is old to go');
  const left = ada.complaints.filter((each) => !/ERR_|Failed to load resource/.test(each));
  ada.complaints.splice(0, ada.complaints.length, ...left);
}
