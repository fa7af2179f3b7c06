// Two people on one board, each in a browser of their own.

import { spawn } from 'node:child_process';
import type { ConsoleMessage, Page } from 'playwright-core';
import type { Test } from 'tap';
import {
  addNote,
  noteOf,
  type Person,
  signIn,
  untilNotes,
  untilStatus,
  untilTexts,
  type World,
} from '../../helpers/app-pages.ts';
import { until } from '../../helpers/until.ts';

/** Two people with one board open. */
async function meet(t: Test, world: World, layout: 'canvas' | 'list' = 'canvas', items: object[] = []) {
  const ada = await signIn(t, world, 'Ada');
  const grace = await signIn(t, world, 'Grace');
  const id = await ada.createBoard(layout, items);
  await ada.invite(grace, id);
  await Promise.all([ada.open(id), grace.open(id)]);
  return { ada, grace, id };
}

const placeOf = (page: Page, text: string) => noteOf(page, text).evaluate(({ style }) => style.transform);

/** Whether somebody's pointer is drawn. */
export const showsPointer = (page: Page) =>
  page.locator('canvas.cursors').evaluate((canvas) => {
    const { width, height } = canvas as unknown as { width: number; height: number };
    type Context = { getImageData(x: number, y: number, w: number, h: number): { data: Uint8ClampedArray } };
    const context = (canvas as unknown as { getContext(kind: string): Context }).getContext('2d');
    return context.getImageData(0, 0, width, height).data.some((value) => value > 0);
  });

export async function edits(t: Test, world: World) {
  const { ada, grace } = await meet(t, world);
  await ada.page.getByRole('region', { name: 'People here' }).getByText('Grace').waitFor({ state: 'attached' });
  await grace.page.getByRole('region', { name: 'People here' }).getByText('Ada').waitFor({ state: 'attached' });

  await addNote(ada.page, 'Buy milk');
  await noteOf(grace.page, 'Buy milk').waitFor();
  await ada.page.evaluate(`
    globalThis.marked = [];
    const { animate } = Element.prototype;
    Element.prototype.animate = function (...how) {
      const { boxShadow: [first, last] } = how[0];
      marked.push(first === last);
      return animate.apply(this, how);
    };
  `);
  await noteOf(grace.page, 'Buy milk').dblclick();
  await ada.page.getByText('Grace is writing').waitFor();
  await grace.page.getByRole('textbox', { name: 'Note text' }).fill('Buy <b>bread</b>');
  await noteOf(ada.page, 'Buy <b>bread</b>').waitFor();
  await until(() => ada.page.evaluate('marked.length > 0'), 'what somebody else has changed to be marked');
  t.equal(await ada.page.evaluate('marked.every(Boolean)'), true, 'by nothing that moves, for who wants no motion');
  await grace.page.keyboard.press('Escape');
  await ada.page.getByText('Grace is writing').waitFor({ state: 'detached' });
  t.equal(await ada.page.locator('[data-item-id] b').count(), 0, 'text is text');

  const before = await placeOf(grace.page, 'bread');
  await noteOf(ada.page, 'bread').hover();
  await ada.page.mouse.down();
  await ada.page.mouse.move(300, 250, { steps: 5 });
  await ada.page.mouse.up();
  const isMoved = async () => {
    const [here, there] = await Promise.all([placeOf(ada.page, 'bread'), placeOf(grace.page, 'bread')]);
    return here !== before && there === here;
  };
  await until(isMoved, 'the note to come to the same place for both');
  await until(() => showsPointer(grace.page), 'the pointer of the other');

  await ada.page.getByRole('button', { name: 'Blue', exact: true }).click();
  await grace.page.locator('[data-item-id][data-color="blue"]').waitFor();
  await noteOf(grace.page, 'bread').press('3');
  const red = '[data-item-id][data-color="red"]';
  await ada.page.locator(red).waitFor();
  await ada.page.getByRole('button', { name: 'Undo' }).click();
  await ada.page.getByText('Some of it stays: somebody else has changed it since.').waitFor({ state: 'attached' });
  await ada.page.getByRole('button', { name: 'Undo' }).click();
  const isBack = async () => (await placeOf(grace.page, 'bread')) === before;
  await until(isBack, 'the drag, which nobody else has changed, to be taken back');
  for (const { page } of [ada, grace]) t.equal(await page.locator(red).count(), 1, 'the colour of the other stays');

  await ada.page.getByRole('button', { name: 'Delete' }).click();
  await noteOf(grace.page, 'bread').waitFor({ state: 'detached' });
  await ada.page.getByRole('button', { name: 'Undo' }).click();
  await noteOf(grace.page, 'bread').waitFor();
  await noteOf(ada.page, 'bread').waitFor();
}

/** The place of the surface that lies in the middle of the view. */
const middleOf = (page: Page) =>
  page.locator('.surface').evaluate((surface) => {
    type Box = { left: number; top: number; width: number; height: number };
    type Sized = { getBoundingClientRect(): Box; closest(selector: string): Sized };
    const { left, top, width, height } = (surface as unknown as Sized).closest('.canvas').getBoundingClientRect();
    const at = (surface as unknown as Sized).getBoundingClientRect();
    const { transform } = (surface as unknown as { style: { transform: string } }).style;
    const zoom = Number(/scale\((.*?)\)/.exec(transform)?.[1]);
    return [left + width / 2 - at.left, top + height / 2 - at.top].map((distance) => Math.round(distance / zoom));
  });

export async function windows(t: Test, world: World) {
  const { ada, grace, id } = await meet(t, world, 'canvas', [{ text: 'Here' }]);
  const second = await ada.context.newPage();
  await second.goto(`/b/${id}`);
  await untilStatus(second, /^Live$/);
  for (const [from, to] of [
    [second, ada.page],
    [ada.page, second],
  ] as const) {
    await until(async () => {
      await from.mouse.move(300 + Math.random() * 200, 300);
      return showsPointer(to);
    }, 'one window to show the pointer of the other');
  }
  await second.close();

  const people = grace.page.getByRole('region', { name: 'People here' });
  await people.getByRole('button', { name: 'Follow Ada' }).click();
  await grace.page.getByText('Following Ada', { exact: true }).waitFor();
  await ada.page.getByRole('button', { name: 'Follow Grace, follows you' }).waitFor();
  const isThere = async () => {
    const [x = 0, y = 0] = await middleOf(ada.page);
    const [atX = 0, atY = 0] = await middleOf(grace.page);
    return Math.abs(atX - x) < 3 && Math.abs(atY - y) < 3;
  };
  await ada.page.locator('.canvas').hover();
  await ada.page.mouse.wheel(700, -300);
  await until(isThere, 'the view to follow');
  await grace.page.keyboard.press('Escape');
  await grace.page.getByText('Following Ada', { exact: true }).waitFor({ state: 'detached' });
  const before = `${await middleOf(grace.page)}`;
  await ada.page.mouse.wheel(-900, 500);
  await until(async () => `${await middleOf(ada.page)}` !== before, 'the other to move');
  // Sent after the view would have been.
  await ada.page.getByRole('button', { name: 'Fit all notes' }).click();
  await noteOf(ada.page, 'Here').dblclick();
  await grace.page.getByText('Ada is writing').waitFor({ state: 'attached' });
  await ada.page.keyboard.press('Escape');
  t.equal(`${await middleOf(grace.page)}`, before, 'after Escape one stays where one is');

  await people.getByRole('button', { name: 'Follow Ada' }).click();
  await until(isThere, 'the view to follow again');
  await grace.page.locator('.canvas').hover();
  await grace.page.mouse.wheel(50, 0);
  await grace.page.getByText('Following Ada', { exact: true }).waitFor({ state: 'detached' });
  await people.getByRole('button', { name: 'Follow Ada' }).click();
  await ada.page.goto('/');
  await grace.page.getByText('Following Ada', { exact: true }).waitFor({ state: 'detached' });
}

export async function conflict(t: Test, world: World) {
  const { ada, grace, id } = await meet(t, world, 'canvas', [{ text: 'First' }]);
  await grace.context.setOffline(true);
  await noteOf(grace.page, 'First').dblclick();
  await grace.page.getByRole('textbox', { name: 'Note text' }).fill('By Grace');
  await grace.page.keyboard.press('Escape');
  await untilStatus(grace.page, /unsent|saving/i);

  await noteOf(ada.page, 'First').dblclick();
  await ada.page.getByRole('textbox', { name: 'Note text' }).fill('By Ada');
  await ada.page.keyboard.press('Escape');
  const isSaved = async () => /By Ada/.test(await (await ada.context.request.get(`/boards/${id}`)).text());
  await until(isSaved, 'hers to be what the board has');
  await grace.context.setOffline(false);

  const dialog = grace.page.getByRole('dialog');
  await dialog.getByText('By Grace').waitFor();
  await dialog.getByText('By Ada', { exact: true }).waitFor();
  for (const key of ['Space', 'Enter', 'Escape']) await grace.page.keyboard.press(key);
  await dialog.getByRole('button', { name: 'Keep both' }).click();
  for (const { page } of [ada, grace]) await untilNotes(page, ['By Ada\nBy Grace']);
  expectOffline(grace);
}

/** What a browser says of requests that a test has cut off. */
function expectOffline({ complaints }: Person): void {
  const left = complaints.filter((each) => !/ERR_|Failed to load resource/.test(each));
  complaints.splice(0, complaints.length, ...left);
}

export async function offline(t: Test, world: World) {
  const { ada, grace } = await meet(t, world);
  await addNote(grace.page, 'Before');
  await noteOf(ada.page, 'Before').waitFor();
  const { target } = world.host;
  world.host.target = undefined;
  world.host.cut();
  await untilStatus(grace.page, /Offline since/);
  await addNote(grace.page, 'On the train');
  await addNote(grace.page, 'In the tunnel');
  await untilStatus(grace.page, /Offline since .*[1-9]\d* changes? unsent$/);
  world.host.target = target;
  // What a browser says of itself when there is a network again.
  for (const { page } of [ada, grace]) await page.evaluate("dispatchEvent(new Event('online'))");
  for (const { page } of [ada, grace]) {
    await untilStatus(page, /^Live$/);
    await untilNotes(page, ['Before', 'On the train', 'In the tunnel']);
  }
  for (const person of [ada, grace]) expectOffline(person);
}

export async function removal(t: Test, world: World) {
  const { ada, grace, id } = await meet(t, world, 'canvas', [{ text: 'Ours' }]);
  const answer = await ada.context.request.delete(`/boards/${id}/members/${grace.id}`);
  t.equal(answer.status(), 204);
  await untilStatus(grace.page, /^Ended: you are no longer a member/);
  for (const name of ['Add note', 'Share']) {
    await grace.page.getByRole('button', { name }).waitFor({ state: 'detached' });
  }
  await grace.page.locator('.over', { hasText: 'Ended: you are no longer a member' }).waitFor();
  await untilStatus(ada.page, /^Live$/);
}

/** Reads the list downwards. */
const move = (page: Page, text: string, where: 'up' | 'down') =>
  page.getByRole('button', { name: `Move ${text} ${where}` }).click();

export async function reorder(t: Test, world: World) {
  const items = ['one', 'two', 'three', 'four'].map((text) => ({ text }));
  const { ada, grace } = await meet(t, world, 'list', items);
  const pages = [ada.page, grace.page];
  for (const page of pages) await untilTexts(page, ['one', 'two', 'three', 'four']);
  await Promise.all([move(ada.page, 'one', 'down'), move(grace.page, 'four', 'up')]);
  for (const page of pages) await untilTexts(page, ['two', 'one', 'four', 'three']);

  const handle = ada.page.getByRole('button', { name: 'Move two', exact: true });
  await handle.hover();
  await ada.page.mouse.down();
  const last = await noteOf(ada.page, 'three').boundingBox();
  t.ok(last);
  const { x, y, height } = last ?? { x: 0, y: 0, height: 0 };
  await ada.page.mouse.move(x + 20, y + height - 4, { steps: 5 });
  await ada.page.mouse.up();
  for (const page of pages) await untilTexts(page, ['one', 'four', 'three', 'two']);
}

/** The texts of a column. */
const textsIn = (page: Page, title: string) =>
  page
    .getByRole('list', { name: `${title} notes` })
    .locator('.text')
    .allInnerTexts();

export async function columns(t: Test, world: World) {
  const items = [
    ['one', 'To do'],
    ['two', 'To do'],
    ['three', 'Doing'],
  ].map(([text, label]) => ({ text, data: { label } }));
  const { ada, grace } = await meet(t, world, 'list', items);
  const pages = [ada.page, grace.page];
  for (const page of pages) {
    await page.getByRole('button', { name: 'Columns', exact: true }).click();
    await page.getByRole('heading', { name: 'To do 2' }).waitFor();
  }
  await Promise.all(
    (['one', 'two'] as const).map((text, index) =>
      pages[index]?.getByRole('button', { name: `Move ${text}`, exact: true }).press('Alt+ArrowRight'),
    ),
  );
  const isMoved = async (page: Page) => {
    const [toDo, doing] = [await textsIn(page, 'To do'), await textsIn(page, 'Doing')];
    return toDo.length === 0 && doing.length === 3;
  };
  for (const page of pages) await until(() => isMoved(page), 'both to win');
  const same = async () => `${await textsIn(ada.page, 'Doing')}` === `${await textsIn(grace.page, 'Doing')}`;
  await until(same, 'one order on both pages');
  await ada.page.locator('[aria-live]', { hasText: /^one: now 1 of \d in Doing\.$/ }).waitFor({ state: 'attached' });

  await ada.page.getByRole('textbox', { name: 'Label of a new column' }).fill('Done');
  await ada.page.keyboard.press('Enter');
  const target = ada.page.getByRole('list', { name: 'Done notes' });
  await target.waitFor();
  await ada.page.getByRole('button', { name: 'Move three', exact: true }).hover();
  await ada.page.mouse.down();
  const { x, y } = (await target.boundingBox()) ?? { x: 0, y: 0 };
  await ada.page.mouse.move(x + 20, y + 20, { steps: 5 });
  await ada.page.mouse.up();
  for (const page of pages) await until(async () => `${await textsIn(page, 'Done')}` === 'three', 'a drop');
  await ada.page.locator('[aria-live]', { hasText: 'three: now 1 of 1 in Done.' }).waitFor({ state: 'attached' });
  await ada.page.keyboard.press('Control+z');
  for (const page of pages) await until(async () => (await textsIn(page, 'Doing')).length === 3, 'undo');
  await ada.page.getByRole('combobox', { name: 'Label of three' }).fill('Later');
  await ada.page.keyboard.press('Enter');
  await grace.page.getByRole('heading', { name: 'Later 1' }).waitFor();
  const titles = (page: Page) => page.locator('.column h2').allInnerTexts();
  const before = `${await titles(ada.page)}`;
  await ada.page.reload();
  await ada.page.getByRole('button', { name: 'Columns', exact: true }).click();
  await until(async () => `${await titles(ada.page)}` === before, 'the columns in the order of before');
  await grace.page.getByRole('button', { name: 'By colour' }).click();
  await grace.page.getByRole('heading', { name: 'Yellow 3' }).waitFor();
}

export async function roles(t: Test, world: World) {
  const { ada, grace } = await meet(t, world, 'canvas', [{ text: 'Ours' }]);
  await ada.page.getByRole('button', { name: 'Share', exact: true }).click();
  await ada.page.getByRole('combobox', { name: 'Role of Grace' }).selectOption('viewer');
  await grace.page.getByText('You may look, not change.').waitFor();
  await grace.page.getByRole('button', { name: 'Share', exact: true }).click();
  await grace.page.getByText('Its owners can invite somebody.').waitFor();
  await ada.page.getByRole('combobox', { name: 'Role of Grace' }).selectOption('editor');
  await grace.page.getByRole('dialog').getByRole('button', { name: 'Close' }).click();
  await grace.page.getByRole('button', { name: 'Add note' }).waitFor();
  await ada.page.getByRole('button', { name: 'Remove Grace' }).click();
  await untilStatus(grace.page, /^Ended: /);
  await ada.page.getByRole('combobox', { name: 'Role of Grace' }).waitFor({ state: 'detached' });
  await ada.page.getByRole('combobox', { name: 'Role of Ada' }).waitFor();
}

/** The code that the page shows, in the page: it logs what comes. */
async function runsSnippet(page: Page, code: string, write: () => Promise<void>): Promise<void> {
  const logged: string[] = [];
  const onConsole = (message: ConsoleMessage) => void logged.push(message.text());
  page.on('console', onConsole);
  const heard = ['ready', 'error'].map((name) => `stream.addEventListener('${name}', () => (snippet += ' ${name}'));`);
  let told = '';
  const isOpen = async () => {
    told = await page.evaluate<string>('snippet');
    return told.includes('ready');
  };
  // A browser's own EventSource may wait for its answer for ever, which the client of Teamboard looks after: somebody who
  // tries this would begin anew.
  const begin = async () => {
    await page.evaluate(`globalThis.snippet = ''; { ${code}\n${heard.join('')} }`);
    return until(isOpen, 'ready', 30_000).catch(() => false);
  };
  await until(begin, () => `the stream of the snippet to be ready, and heard:${told}`);
  await write();
  await until(() => logged.some((line) => line.includes('boardId')), 'what the snippet logs');
  page.off('console', onConsole);
}

/** The line that the page shows, in a shell. */
async function runsCurl(t: Test, line: string, token: string): Promise<void> {
  const curl = spawn('sh', ['-c', `exec ${line}`], { env: { ...process.env, TOKEN: token } });
  t.teardown(() => curl.kill());
  let output = '';
  curl.stdout.on('data', (part) => {
    output += part;
  });
  await until(() => /^event:ready$/m.test(output), 'the stream by curl');
  curl.kill();
}

export async function stream(t: Test, world: World) {
  const { ada, grace } = await meet(t, world);
  await ada.page.getByRole('button', { name: 'Watch the stream' }).click();
  const drawer = ada.page.getByRole('complementary', { name: 'The stream' });
  await drawer.getByText('event:ready').waitFor();
  await addNote(grace.page, 'In the raw');
  await drawer.getByText('In the raw').first().waitFor();
  const frames = await drawer.getByText('event:changed').allInnerTexts();
  t.match(frames.at(-1), /event:changed\ndata:\{.*\}\nid:[0-9a-f-]+$/, 'as it came, the id last');
  await runsSnippet(ada.page, await drawer.getByLabel('In a page', { exact: true }).innerText(), () =>
    addNote(grace.page, 'By the snippet'),
  );
  const created = await ada.context.request.post('/tokens', { data: { name: 'curl' } });
  const { secret } = (await created.json()) as { secret: string };
  await runsCurl(t, await drawer.getByLabel('With curl').innerText(), secret);
  await drawer.getByRole('button', { name: 'Close' }).click();
  await drawer.waitFor({ state: 'detached' });
}
