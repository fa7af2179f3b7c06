// Boards that were open before, while the server cannot be reached; and what another account sees of them.

import type { Page } from 'playwright-core';
import type { Test } from 'tap';
import { addNote, noteOf, type Person, untilNotes, untilStatus, type World } from '../../helpers/app-pages.ts';
import type { PageHost } from '../../helpers/page-host.ts';
import { until } from '../../helpers/until.ts';

const asKept = /^Offline since \d.*, shown as of \w/;

/** As a browser says it. */
const sayOnline = (page: Page) => page.evaluate("void dispatchEvent(new Event('online'))");

/** How many boards the browser keeps. */
const countKept = (page: Page) =>
  page.evaluate(`new Promise((resolve, reject) => {
    const opening = indexedDB.open('teamboard-boards', 1);
    opening.onerror = () => reject(opening.error);
    opening.onsuccess = () => {
      const counting = opening.result.transaction(['entries', 'notes']).objectStore('notes').count();
      counting.onsuccess = () => { opening.result.close(); resolve(counting.result); };
    };
  })`);

/**
 * @param host in front of the node: is cut off, and comes back
 * @param ada has installed the application, and the board of that id open, on which is the note `Ours`
 */
export async function opensAsKept(t: Test, world: World, host: PageHost, ada: Person, id: string): Promise<void> {
  const { page, context } = ada;
  const { target } = host;
  const cut = () => {
    host.target = undefined;
    host.cut();
  };
  await page.getByRole('link', { name: '‹ Boards' }).click();
  const card = page.getByRole('link', { name: /Plans of Ada/ });
  await card.waitFor();
  cut();
  await card.click();
  await untilStatus(page, asKept);
  await noteOf(page, 'Ours').waitFor();
  await page.goto('/');
  await page.getByText('These were open in this browser before').waitFor();
  await card.click();
  await untilStatus(page, asKept);
  await addNote(page, 'Without a network');
  await untilStatus(page, /^Offline since \d.*, shown as of \w.*, [1-9]\d* changes? unsent$/);
  await page.goto(`/b/${id}`);
  await untilNotes(page, ['Ours', 'Without a network']);
  await untilStatus(page, asKept);

  const items = `${world.nodeUrl}/boards/${id}/items`;
  const written = await context.request.post(items, { data: { text: 'Meanwhile', x: 500, y: 500 } });
  t.equal(written.status(), 201);
  host.target = target;
  await sayOnline(page);
  await untilStatus(page, /^Live$/);
  await untilNotes(page, ['Meanwhile', 'Ours', 'Without a network']);
  const all = (await (await context.request.get(items)).json()) as { items: Array<{ text: string }> };
  t.strictSame(all.items.map(({ text }) => text).sort(), ['Meanwhile', 'Ours', 'Without a network'], 'each once (E1)');

  await page.getByRole('link', { name: '‹ Boards' }).click();
  await card.waitFor();
  cut();
  await card.click();
  await untilStatus(page, asKept);
  await untilNotes(page, ['Meanwhile', 'Ours', 'Without a network']);
  await page.reload();
  await untilStatus(page, asKept);
  await noteOf(page, 'Ours').waitFor();
  const cookies = await context.cookies();
  await context.clearCookies();
  const other = await context.request.post(`${world.nodeUrl}/guests`, { data: { name: 'Eve' } });
  t.equal(other.status(), 201);
  host.target = target;
  await sayOnline(page);
  await untilStatus(page, /^Ended: there is no such board, or you are not a member of it$/);
  t.equal(await page.locator('[data-item-id]').count(), 0, 'somebody else sees none of the notes');
  await until(async () => (await countKept(page)) === 0, 'what was kept to go');

  await context.clearCookies();
  await context.addCookies(cookies);
  await page.goto(`/b/${id}`);
  await untilStatus(page, /^Live$/);
  await until(async () => (await countKept(page)) === 1, 'the board to be kept');

  // As many and as large as others would be that were open before.
  await putKept(page, ada.id, [9e6, 7.8e6, 7.8e6, 7.8e6, 7.8e6, ...Array(30).fill(1000)]);
  await page.reload();
  await untilStatus(page, /^Live$/);
  await until(async () => Number(await countKept(page)) <= 20, 'no more than so many to be kept');
  const kept = await listKept(page);
  t.equal(kept[0]?.key, `${ada.id} ${id}`, 'the one that was seen last');
  t.ok(
    kept.every(({ size }) => size <= 8e6) && kept.reduce((sum, { size }) => sum + size, 0) <= 24e6,
    'nor larger ones',
  );
  t.equal(kept.filter(({ size }) => size === 7.8e6).length, 3, 'of large ones so many as have room');
  t.equal(kept.length, 20, 'and small ones beside them');
}

/** Puts boards of these sizes behind those that are kept, the first of them as the one that was seen last. */
const putKept = (page: Page, user: string, sizes: number[]) =>
  page.evaluate(`new Promise((resolve, reject) => {
    const opening = indexedDB.open('teamboard-boards', 1);
    opening.onsuccess = () => {
      const writing = opening.result.transaction(['entries', 'notes'], 'readwrite');
      for (const [index, size] of ${JSON.stringify(sizes)}.entries()) {
        const key = ${JSON.stringify(user)} + ' other ' + index;
        const board = { id: 'other ' + index, name: 'Another one', layout: 'list' };
        writing.objectStore('entries').put({ key, user: ${JSON.stringify(user)}, board, at: 1000 - index, size });
        writing.objectStore('notes').put('{}', key);
      }
      writing.oncomplete = () => { opening.result.close(); resolve(); };
      writing.onerror = () => reject(writing.error);
    };
  })`);

/** What is known of them, the one that was seen last at first. */
const listKept = (page: Page) =>
  page.evaluate<Array<{ key: string; size: number }>>(`new Promise((resolve) => {
    const opening = indexedDB.open('teamboard-boards', 1);
    opening.onsuccess = () => {
      const reading = opening.result.transaction('entries').objectStore('entries').getAll();
      reading.onsuccess = () => { opening.result.close(); resolve(reading.result.sort((a, b) => b.at - a.at)); };
    };
  })`);

/** @param page of somebody who has boards that are kept */
export async function forgetsAtSignOut(page: Page): Promise<void> {
  await page.goto('/');
  await page.getByRole('button', { name: 'Sign out' }).click();
  await page.getByRole('textbox', { name: 'Your name' }).waitFor();
  await until(async () => (await countKept(page)) === 0, 'what was kept to go');
}
