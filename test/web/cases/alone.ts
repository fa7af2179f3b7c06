// One person: the first minutes, the keyboard, a large board, and a board in the page of somebody else.

import jsqr from 'jsqr';
import type { Locator, Page } from 'playwright-core';
import type { Test } from 'tap';
import { addNote, noteOf, signIn, untilStatus, untilTexts, visit, type World } from '../../helpers/app-pages.ts';
import { untrusted } from '../../helpers/chromium.ts';
import { textOf } from '../../helpers/pages.ts';
import { until } from '../../helpers/until.ts';
import { showsPointer } from './together.ts';

export async function start(t: Test, world: World) {
  const { page, context } = await visit(t, world);
  await page.goto('/');
  await page.getByRole('textbox', { name: 'Your name' }).fill('Ada');
  await page.getByRole('button', { name: 'Start', exact: true }).click();
  await page.getByRole('button', { name: 'New board' }).click();
  await untilStatus(page, /^Live$/);
  await noteOf(page, 'Welcome!').waitFor();
  t.match(new URL(page.url()).pathname, /^\/b\/[0-9a-f-]{36}$/);

  const guest = await visit(t, world);
  await page.getByRole('button', { name: 'Share', exact: true }).click();
  await page.getByRole('button', { name: 'Make a link' }).click();
  const link = page.getByLabel('Link', { exact: true });
  await link.waitFor();
  const address = await link.inputValue();
  t.equal(await untilCode(page.getByRole('img', { name: 'QR code of the link' })), address, 'a camera reads the link');
  await guest.page.goto(address);
  await guest.page.getByText('Ada invites you to New board').waitFor();
  await guest.page.getByText('and can edit it too').waitFor();
  await guest.page.getByRole('textbox', { name: 'Your name' }).fill('Grace');
  await guest.page.getByRole('button', { name: 'Join the board' }).click();
  await untilStatus(guest.page, /^Live$/);
  await noteOf(guest.page, 'Welcome!').waitFor();
  await page.keyboard.press('Escape');
  for (const [from, to] of [
    [page, guest.page],
    [guest.page, page],
  ] as const) {
    let x = 300;
    const isSeen = async () => {
      x += 7;
      await from.mouse.move(300 + (x % 200), 300);
      return showsPointer(to);
    };
    await until(isSeen, 'each of them to see the pointer of the other');
  }

  await page.goto('/');
  await page.getByRole('link', { name: /New board.*Grace.* now/s }).waitFor();
  await guest.page.goto(address);
  await guest.page.getByText('You are on it already.').waitFor();
  await page.getByRole('link', { name: 'Keep this account' }).click();
  await page.getByRole('textbox', { name: 'Email' }).fill('ada@example.org');
  await page.getByRole('textbox', { name: 'Password' }).fill('correct horse');
  await page.getByRole('button', { name: 'Keep it' }).click();
  await page.getByRole('heading', { name: 'Your boards' }).waitFor();
  await page.getByRole('button', { name: 'Sign out' }).click();
  await page.getByRole('textbox', { name: 'Your name' }).waitFor();
  t.equal((await context.cookies()).length, 0);
  await page.goto(address);
  await page.getByRole('link', { name: 'Sign in' }).click();
  await page.getByRole('textbox', { name: 'Email' }).fill('ada@example.org');
  await page.getByRole('textbox', { name: 'Password' }).fill('correct horse');
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.getByRole('link', { name: 'Open the board' }).click();
  await untilStatus(page, /^Live$/);

  await page.getByRole('button', { name: 'This board' }).click();
  const dialog = page.getByRole('dialog', { name: 'This board' });
  await dialog.getByRole('textbox', { name: 'Name of the board' }).fill('Plans');
  await dialog.getByRole('button', { name: 'Rename' }).click();
  await guest.page.getByRole('link', { name: 'Open the board' }).click();
  await guest.page.getByRole('heading', { name: 'Plans' }).waitFor();
  await guest.page.getByRole('button', { name: 'This board' }).click();
  const hers = guest.page.getByRole('dialog', { name: 'This board' });
  await hers.getByRole('button', { name: 'Rename' }).waitFor();
  await hers.getByRole('button', { name: /^Delete/ }).waitFor({ state: 'detached' });
  await hers.getByRole('button', { name: 'Close' }).click();
  await dialog.getByRole('button', { name: 'Delete this board' }).click();
  await dialog.getByRole('button', { name: 'Delete it for good' }).click();
  await page.getByText('You have none yet.').waitFor();
  await untilStatus(guest.page, /^Ended: the board was deleted$/);

  await page.getByRole('button', { name: 'Sign out' }).click();
  await page.getByRole('link', { name: 'register' }).click();
  await page.getByRole('textbox', { name: 'Your name' }).fill('Lin');
  await page.getByRole('textbox', { name: 'Email' }).fill('lin@example.org');
  await page.getByRole('textbox', { name: 'Password' }).fill('battery staple');
  await page.getByRole('button', { name: 'Register' }).click();
  await page.getByRole('heading', { name: 'Your boards' }).waitFor();
  await page.getByText('Lin', { exact: true }).waitFor();
  t.equal(
    await page.getByRole('link', { name: 'Keep this account' }).count(),
    0,
    'whoever registers keeps the account',
  );
}

/** @returns what a camera reads that sees the picture */
function untilCode(canvas: Locator): Promise<string> {
  return until(async () => {
    const { data, width, height } = await canvas.evaluate((element) => {
      const { width, height } = element as unknown as { width: number; height: number };
      type Context = { getImageData(x: number, y: number, w: number, h: number): { data: Uint8ClampedArray } };
      const context = (element as unknown as { getContext(kind: string): Context }).getContext('2d');
      return { data: [...context.getImageData(0, 0, width, height).data], width, height };
    });
    return readQrCode(Uint8ClampedArray.from(data), width, height)?.data;
  }, 'a QR code');
}

/** It is a module of the older kind. */
const readQrCode = jsqr as unknown as typeof jsqr.default;

/** What has the focus, also inside of the element: its name for people. */
const focused = (page: Page) =>
  page.evaluate(() => {
    type Focus = { shadowRoot?: { activeElement: Focus | null }; ariaLabel: string | null; textContent: string | null };
    let at = (globalThis as unknown as { document: { activeElement: Focus | null } }).document.activeElement;
    while (at?.shadowRoot?.activeElement) at = at.shadowRoot.activeElement;
    return at?.ariaLabel ?? at?.textContent ?? '';
  });

async function tabTo(page: Page, name: RegExp): Promise<void> {
  for (let count = 0; count < 60; count += 1) {
    if (name.test(await focused(page))) return;
    await page.keyboard.press('Tab');
  }
  throw new Error(`the focus never comes to ${name}`);
}

/** Where a browser has no `crypto.randomUUID`, no locks and no clipboard: a first try in a network of one's own. */
export async function withoutTls(t: Test, world: World) {
  const { page, complaints } = await visit(t, world, { baseURL: world.host.url.replace('127.0.0.1', untrusted) });
  await page.goto('/');
  t.equal(await page.evaluate('isSecureContext'), false);
  await page.getByRole('textbox', { name: 'Your name' }).fill('Ada');
  await page.getByRole('button', { name: 'Start', exact: true }).click();
  await page.getByRole('button', { name: 'New board' }).click();
  await untilStatus(page, /^Live$/);
  await addNote(page, 'By plain HTTP');
  await untilStatus(page, /^Live$/);
  await page.getByRole('button', { name: 'Share', exact: true }).click();
  await page.getByRole('button', { name: 'Make a link' }).click();
  const link = await page.getByLabel('Link', { exact: true }).inputValue();
  await page.getByRole('button', { name: 'Copy' }).click();
  await page.getByText('Copied.').waitFor();
  await page.keyboard.press('Escape');
  await page.locator('[data-item-id]').first().focus();
  await page.keyboard.press('Control+V');
  await noteOf(page, link).waitFor();
  // Of the header fields that mean something by TLS only, it says so.
  const others = complaints.filter((text) => !/Cross-Origin-Opener-Policy|Origin-Agent-Cluster/.test(text));
  complaints.splice(0, Infinity, ...others);
}

export async function keyboard(t: Test, world: World) {
  const { page } = await visit(t, world);
  const { keyboard } = page;
  await page.goto('/');
  await page.getByRole('textbox', { name: 'Your name' }).waitFor();
  await tabTo(page, /^$/);
  await keyboard.type('Kim');
  await keyboard.press('Enter');
  await page.getByRole('button', { name: 'New board' }).waitFor();
  await tabTo(page, /^New board$/);
  await keyboard.press('Enter');
  await untilStatus(page, /^Live$/);
  await noteOf(page, 'Welcome!').waitFor();

  await tabTo(page, /^Canvas\./);
  await keyboard.press('F6');
  await until(async () => /^Add note$/.test(await focused(page)), 'the focus to go past all notes');
  await keyboard.press('Shift+F6');
  await until(async () => /^Canvas\./.test(await focused(page)), 'and back');
  await keyboard.press('Control+a');
  await keyboard.press('Delete');
  await untilTexts(page, []);
  await keyboard.press('n');
  await page.getByRole('textbox', { name: 'Note text' }).waitFor();
  await keyboard.type('By keys');
  await keyboard.press('Escape');
  const note = noteOf(page, 'By keys');
  await note.waitFor();
  await until(async () => /^By keys/.test(await focused(page)), 'the focus to come back to the note');
  const place = () => note.evaluate(({ style }) => style.transform);
  const before = await place();
  await keyboard.press('ArrowRight');
  await until(async () => (await place()) !== before, 'the note to move');
  await keyboard.press('6');
  await page.locator('[data-item-id][data-color="blue"]').waitFor();
  await keyboard.press('Enter');
  await page.getByRole('textbox', { name: 'Note text' }).waitFor();
  await keyboard.press('End');
  await keyboard.type(' alone');
  await keyboard.press('Control+Enter');
  await noteOf(page, 'By keys alone').waitFor();
  await keyboard.press('Delete');
  await untilTexts(page, []);
  await keyboard.press('Control+z');
  await untilTexts(page, ['By keys alone']);
  await keyboard.press('Control+Shift+z');
  await untilTexts(page, []);
  await paste(page, { 'text/plain': '- milk\n- bread\n\n* eggs' });
  await untilTexts(page, ['milk', 'bread', 'eggs']);
  await keyboard.press('Control+z');
  await untilTexts(page, []);
  const notes = [
    { text: '<b>x</b>', x: 0, y: 0, color: 'pink' },
    { text: 7 },
    null,
    { text: 'y', color: 'none', x: 'a' },
  ];
  await paste(page, { 'text/teamboard-notes': JSON.stringify(notes), 'text/plain': 'not this' });
  await untilTexts(page, ['<b>x</b>', 'y']);
}

/** What a browser says when the keys for it were pressed. @param data by its type */
const paste = (page: Page, data: Record<string, string>) =>
  page.locator('.canvas').evaluate((element, values) => {
    type Transfer = { setData(type: string, value: string): void };
    const { DataTransfer, ClipboardEvent } = globalThis as unknown as {
      DataTransfer: new () => Transfer;
      ClipboardEvent: new (type: string, options: object) => unknown;
    };
    const clipboardData = new DataTransfer();
    for (const [type, value] of Object.entries(values)) clipboardData.setData(type, value);
    const options = { clipboardData, bubbles: true, composed: true, cancelable: true };
    (element as unknown as { dispatchEvent(event: unknown): void }).dispatchEvent(new ClipboardEvent('paste', options));
  }, data);

export async function listByKeyboard(t: Test, world: World) {
  const kim = await signIn(t, world, 'Kim');
  await kim.open(
    await kim.createBoard(
      'list',
      ['one', 'two', 'three'].map((text) => ({ text })),
    ),
  );
  const { page } = kim;
  await untilTexts(page, ['one', 'two', 'three']);
  await tabTo(page, /^Move one$/);
  await page.keyboard.press('Alt+ArrowDown');
  await untilTexts(page, ['two', 'one', 'three']);
  const isBack = () => until(async () => /^Move one$/.test(await focused(page)), 'the focus to stay');
  await isBack();
  await page.keyboard.press('Alt+ArrowDown');
  await untilTexts(page, ['two', 'three', 'one']);
  await isBack();
  await page.keyboard.press('Control+z');
  await untilTexts(page, ['two', 'one', 'three']);
  await page.getByRole('list', { name: 'Notes' }).waitFor();
}

interface PageGlobals {
  MutationObserver: new (
    listener: (records: unknown[]) => void,
  ) => { observe(target: unknown, options: object): void; disconnect(): void };
  WheelEvent: new (type: string, options: object) => unknown;
  requestAnimationFrame: (callback: () => void) => void;
}

export async function find(t: Test, world: World) {
  const kim = await signIn(t, world, 'Kim');
  const far = { text: 'Far away:\nthe Café', x: 9000, y: 7000 };
  await kim.open(await kim.createBoard('canvas', [{ text: 'Here', x: 0, y: 0 }, far]));
  const { page } = kim;
  await noteOf(page, 'Here').waitFor();
  await noteOf(page, 'Far away').waitFor({ state: 'detached' });
  const isAtFar = async () => /Far away/.test(await focused(page));

  await page.keyboard.press('/');
  await page.getByRole('combobox', { name: 'Find a note', exact: true }).waitFor();
  await page.keyboard.type('CAFE');
  await page.getByRole('option', { name: 'the Café' }).waitFor();
  await page.keyboard.press('Enter');
  await noteOf(page, 'Far away').waitFor();
  await until(isAtFar, 'the note that was found to have the focus');

  /** Does what is called so. */
  const run = async (query: string, name: string) => {
    await page.keyboard.press('Control+k');
    await page.getByRole('combobox', { name: 'Find a note, or something to do' }).waitFor();
    await page.getByRole('option', { name: 'Colour: Blue' }).waitFor();
    await page.keyboard.type(query);
    await page.getByRole('option', { name, selected: true }).waitFor();
    await page.keyboard.press('Enter');
    await page.getByRole('dialog', { name: 'Find' }).waitFor({ state: 'detached' });
  };
  await run('blue', 'Colour: Blue');
  await page.locator('[data-item-id][data-color="blue"]').waitFor();
  await run('view list', 'View: List');
  await page.getByRole('list', { name: 'Notes' }).waitFor();
  await run('far caf', 'Far away:');
  await until(isAtFar, 'its row to have the focus');
  await run('watch', 'Watch the stream');
  await page.getByRole('complementary', { name: 'The stream' }).waitFor();
}

export async function largeBoard(t: Test, world: World) {
  const kim = await signIn(t, world, 'Kim');
  const notes = Array.from({ length: 500 }, (_, index) => ({
    text: `Note ${index}`,
    x: (index % 25) * 240,
    y: Math.floor(index / 25) * 170,
  }));
  await kim.open(await kim.createBoard('canvas', notes));
  const { page } = kim;
  await page.getByText('Note 0', { exact: true }).waitFor();
  const shown = await page.locator('[data-item-id]').count();
  t.ok(shown < 150, `${shown} of 500 have elements`);
  const nodes = await page
    .locator('[data-item-id]')
    .evaluateAll((all) => Math.max(...all.map((each) => 1 + each.querySelectorAll('*').length)));
  t.ok(nodes <= 3, `${nodes} nodes for a note`);
  const draws = await page.locator('.canvas').evaluate(async (element) => {
    const { MutationObserver, WheelEvent, requestAnimationFrame } = globalThis as unknown as PageGlobals;
    const view = element as unknown as {
      querySelector(selector: string): unknown;
      dispatchEvent(event: unknown): void;
    };
    const records: unknown[] = [];
    const observer = new MutationObserver((more) => void records.push(...more));
    observer.observe(view.querySelector('.surface'), { attributeFilter: ['style'] });
    for (let turn = 0; turn < 20; turn += 1)
      view.dispatchEvent(new WheelEvent('wheel', { deltaY: 1, cancelable: true }));
    for (let frame = 0; frame < 3; frame += 1) await new Promise<void>(requestAnimationFrame);
    observer.disconnect();
    return records.length;
  });
  t.equal(draws, 1, 'however much happens until a frame, it is drawn once');
  await page.locator('.canvas').hover();
  const isThere = async () => {
    if (await noteOf(page, 'Note 24').count()) return true;
    await page.mouse.wheel(400, 0);
    return false;
  };
  await until(isThere, 'the end of the first row');
  const map = page.locator('.minimap');
  const { x = 0, y = 0, width = 0, height = 0 } = (await map.boundingBox()) ?? {};
  await page.mouse.move(x + width / 2, y + height / 2);
  await page.mouse.down();
  await page.mouse.move(x + width * 0.9, y + height * 0.8, { steps: 3 });
  await page.mouse.up();
  await noteOf(page, 'Note 499').waitFor();
  t.equal(
    await map.evaluate((element) => (element as unknown as { tabIndex: number }).tabIndex),
    -1,
    'Tab skips the map',
  );
  await page.getByText('Note 0', { exact: true }).waitFor({ state: 'detached' });
}

export async function elsewhere(t: Test, world: World) {
  const { page, context } = await visit(t, world);
  const made = await context.request.post(`${world.nodeUrl}/guests`, { data: { name: 'Ada' } });
  t.equal(made.status(), 201);
  const answer = await context.request.post(`${world.nodeUrl}/boards`, { data: { name: 'Shared' } });
  const { board } = (await answer.json()) as { board: { id: string } };
  await context.request.post(`${world.nodeUrl}/boards/${board.id}/items`, { data: { text: 'Seen elsewhere' } });
  world.elsewhere.page = textOf('docs/board.md', 'In a page of yours')
    .replaceAll('https://boards.example', world.nodeUrl)
    .replace(/board="[^"]+"/, `board="${board.id}"`)
    // Else the browser asks for the icon of a site that has none.
    .replace('<title>', '<link rel="icon" href="data:,"><title>');
  await page.goto(world.elsewhere.url);
  await untilStatus(page, /^Live$/);
  await noteOf(page, 'Seen elsewhere').waitFor();
}

export async function printed(t: Test, world: World) {
  const kim = await signIn(t, world, 'Kim', { colorScheme: 'dark' });
  // Most of them out of sight.
  const notes = Array.from({ length: 120 }, (_, index) => ({ text: `Note ${index}`, x: index * 900, y: index * 500 }));
  await kim.open(await kim.createBoard('canvas', notes));
  const { page } = kim;
  await page.emulateMedia({ media: 'print' });
  await untilTexts(
    page,
    notes.map(({ text }) => text),
  );
  await page.getByRole('heading', { name: 'Plans of Kim' }).waitFor();
  for (const name of ['Add note', 'Share', 'Move Note 0', 'Delete Note 0']) {
    t.equal(await page.getByRole('button', { name, exact: true }).count(), 0, `${name} is not printed`);
  }
  const ink = await noteOf(page, 'Note 119').evaluate((note) => {
    type Styles = { getComputedStyle(element: unknown): { color: string; overflow: string } };
    return (globalThis as unknown as Styles).getComputedStyle(note).color;
  });
  t.equal(ink, 'rgb(29, 31, 36)', 'dark on light, also for who has it light on dark');
  const paper = (await page.pdf({ format: 'A4' })).toString('latin1');
  const sheets = paper.match(/\/Type \/Page\b(?!s)/g) ?? [];
  t.ok(sheets.length > 1, `all of it: ${sheets.length} sheets`);
  await page.emulateMedia({ media: 'screen' });
  await page.getByRole('button', { name: 'Add note' }).waitFor();
  await until(async () => (await page.locator('[data-item-id]').count()) < 60, 'the canvas again');
}
