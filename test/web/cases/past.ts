// The past of a board: what happened while somebody was away, what a note was, and the board as of any event.

import type { Page } from 'playwright-core';
import type { Test } from 'tap';
import { noteOf, type Person, signIn, textsOf, untilStatus, untilTexts, type World } from '../../helpers/app-pages.ts';
import { until } from '../../helpers/until.ts';
import { check } from './accessible.ts';

interface Snapshot {
  items: Array<{ id: string; text: string }>;
  cursor: string;
}

/** Requests of a person who has no page open. */
function apiOf({ context }: Person, boardId: string) {
  return async (method: string, path = '', data?: object) => {
    const answer = await context.request.fetch(`/boards/${boardId}${path}`, { method, ...(data && { data }) });
    if (!answer.ok()) throw new Error(`${method} ${path}: ${answer.status()}`);
    return (answer.status() === 204 ? undefined : await answer.json()) as Snapshot;
  };
}

const button = (page: Page, name: string | RegExp) => page.getByRole('button', { name, exact: true });

/** @param parts of the board that the rules are tried on */
async function checkBoth(t: Test, page: Page, ...parts: string[]): Promise<void> {
  for (const colorScheme of ['light', 'dark'] as const) {
    await page.emulateMedia({ colorScheme });
    await check(t, page, `${parts}, ${colorScheme}`, parts);
  }
}

export async function past(t: Test, world: World) {
  const ada = await signIn(t, world, 'Ada');
  const grace = await signIn(t, world, 'Grace');
  const id = await ada.createBoard('canvas', [{ text: 'First' }, { text: 'Second', x: 240 }]);
  await ada.invite(grace, id);
  const { page } = ada;
  const api = apiOf(grace, id);
  await ada.open(id);
  await untilTexts(page, ['First', 'Second']);
  await page.goto('/robots.txt');

  const idOf = async (text: string) => (await api('GET')).items.find((item) => item.text === text)?.id ?? '';
  const first = await idOf('First');
  await api('PATCH', `/items/${first}`, { text: 'First, by Grace', color: 'red' });
  await api('DELETE', `/items/${await idOf('Second')}`);
  await api('POST', '/items', { text: 'Third', x: 480 });

  await page.goto(`/b/${id}`);
  await untilStatus(page, /^Live$/);
  const news = page.getByRole('region', { name: 'While you were away' });
  await news.getByText('Grace deleted 1 note, added 1 note and edited 1 note.').waitFor();
  await checkBoth(t, page, '.away');
  await news.getByRole('button', { name: 'Show' }).click();
  await news.waitFor({ state: 'detached' });

  const activity = page.getByRole('region', { name: 'Activity' });
  await activity.getByText('That is all: here the board begins.').waitFor();
  await activity.getByRole('listitem').filter({ hasText: 'Grace added Third' }).getByText('New').waitFor();
  await api('POST', '/items', { text: 'Fourth', y: 240 });
  await button(page, 'Fourth').waitFor();
  await activity.getByRole('button', { name: 'Third' }).click();
  const focused = page.locator('[data-item-id]:focus');
  await focused.filter({ hasText: 'Third' }).waitFor();

  await bringsBack(page);
  await restores(page);
  await checkBoth(t, page, '.past-panel');
  await button(page, 'To the activity').click();
  await slides(t, page, api);
}

/** A note that is gone is shown by what it was, and comes back by an ordinary change. */
async function bringsBack(page: Page): Promise<void> {
  await page.getByRole('region', { name: 'Activity' }).getByRole('button', { name: 'Second' }).first().click();
  await page.getByText('It has been deleted.').waitFor();
  await button(page, /^Bring it back as of/)
    .first()
    .click();
  await noteOf(page, 'Second').waitFor();
  await button(page, 'Undo').click();
  await noteOf(page, 'Second').waitFor({ state: 'detached' });
}

async function restores(page: Page): Promise<void> {
  await noteOf(page, 'First').focus();
  await page.keyboard.press('h');
  const history = page.getByRole('region', { name: 'History of a note' });
  await history.getByText('First, by Grace').last().waitFor();
  await button(page, /^Restore what it was/).click();
  await page
    .locator('[data-item-id][data-color="yellow"]')
    .filter({ hasText: /^First$/ })
    .waitFor();
  await button(page, 'Undo').click();
  await page.locator('[data-item-id][data-color="red"]').filter({ hasText: 'First, by Grace' }).waitFor();
  await history.getByText('As it is now.').first().waitFor();
}

async function slides(t: Test, page: Page, api: ReturnType<typeof apiOf>): Promise<void> {
  await button(page, 'Look back').click();
  const slider = page.getByRole('slider', { name: 'The board as of' });
  await slider.focus();
  await untilStatus(page, /^Live$/);
  const { cursor } = await api('GET');
  const head = Number(cursor.split('-')[1]);
  await until(async () => (await slider.getAttribute('max')) === `${head}`, 'the page to know the head');
  for (let seq = head - 1; seq > head - 9; seq -= 1) {
    await page.keyboard.press('ArrowLeft');
    const said = new RegExp(`: .+\\. Change ${seq} of ${head}\\.$`);
    await until(async () => said.test((await slider.getAttribute('aria-valuetext')) ?? ''), `place ${seq}`);
    const { items } = await api('GET', `?at=${cursor.replace(/\d+$/, `${seq}`)}`);
    const wanted = items.map(({ text }) => text).sort();
    await until(async () => `${(await textsOf(page)).sort()}` === `${wanted}`, `the notes ${wanted}`);
  }
  const { items } = await api('GET', `?at=${cursor.replace(/\d+$/, `${head - 8}`)}`);
  await button(page, 'List').click();
  await untilTexts(
    page,
    items.map(({ text }) => text),
  );
  await page.getByText('The past cannot be changed.').waitFor();
  await checkBoth(t, page, '.past-panel', '.time', '.tools');
  await page.keyboard.press('n');
  await api('POST', '/items', { text: 'Meanwhile' });
  await page.getByRole('region', { name: 'Activity' }).getByRole('button', { name: 'Meanwhile' }).waitFor();
  t.notOk((await textsOf(page)).includes('Meanwhile'), 'what happens now is not in the past');
  await page.keyboard.press('Escape');
  await noteOf(page, 'Meanwhile').waitFor();
  await slider.waitFor({ state: 'detached' });
  t.notOk((await textsOf(page)).includes(''), 'and nothing was written there');
}
