// One person with a mouse: what a board may begin with, several notes at once, wheel and trackpad, and a page that crashes.

import type { Page } from 'playwright-core';
import type { Test } from 'tap';
import {
  addNote,
  cameraOf,
  noteOf,
  type Person,
  signIn,
  untilNotes,
  untilStatus,
  type World,
} from '../../helpers/app-pages.ts';
import { until } from '../../helpers/until.ts';

const templates = {
  Retro: ['Retrospective', 'Went well', 'Went badly', 'Ideas', 'Actions'],
  Kanban: ['Kanban', 'To do', 'Doing', 'Review', 'Done'],
  Planning: ['Planning', 'Goals', 'This week', 'Later', 'Risks'],
};

const selected = '.note.selected';

export async function mouse(t: Test, world: World) {
  const kim = await signIn(t, world, 'Kim');
  const { page } = kim;
  for (const [label, [name = '', ...headings]] of Object.entries(templates)) {
    await page.goto('/');
    await page.getByLabel('Begin with').selectOption({ label });
    await page.getByRole('button', { name: 'New board' }).click();
    await page.getByRole('heading', { name, exact: true }).waitFor();
    for (const heading of headings) await page.getByText(heading, { exact: true }).waitFor();
    t.equal(await page.locator('[data-item-id]').count(), 8, `${label}: four columns, each with what belongs there`);
  }
  await untilStatus(page, /^Live$/);
  await choosesAndCopies(page);
  await looksAround(page);
  await showsKeys(page);
  await survivesCrash(kim);
}

/** A frame round the first of four columns, and copies of what is in it; a new note and its text are one undo. */
async function choosesAndCopies(page: Page): Promise<void> {
  const first = await noteOf(page, 'Goals').boundingBox();
  const last = await noteOf(page, 'What will be different').boundingBox();
  const [left = 0, top = 0] = [first?.x, first?.y];
  await page.keyboard.down('Shift');
  await page.mouse.move(left - 15, top - 15);
  await page.mouse.down();
  await page.mouse.move(left + 60, (last?.y ?? 0) + 20, { steps: 4 });
  await page.locator('.frame').waitFor();
  await page.mouse.up();
  await page.keyboard.up('Shift');
  await page.locator('.frame').waitFor({ state: 'hidden' });
  await page.getByRole('button', { name: 'Delete 2', exact: true }).waitFor();
  const before = await page.locator('[data-item-id] .text').allInnerTexts();
  await page.locator('.canvas').focus();
  await page.keyboard.press('Control+C');
  await page.keyboard.press('Control+V');
  const copied = ['Goals', 'What will be different at the end?'];
  await untilNotes(page, [...before, ...copied]);
  await until(async () => (await page.locator(selected).count()) === 2, 'the copies to be chosen');
  for (const text of copied) await page.locator(selected).filter({ hasText: text }).waitFor();
  await page.getByRole('button', { name: 'Undo' }).click();
  await untilNotes(page, before);
  await addNote(page, 'One more');
  await page.getByRole('button', { name: 'Undo' }).click();
  await untilNotes(page, before);
}

/** Wheel, trackpad and keys: what lies under the pointer stays there. */
async function looksAround(page: Page): Promise<void> {
  const box = (await page.locator('.canvas').boundingBox()) ?? { x: 0, y: 0, width: 0, height: 0 };
  const at = { x: 300, y: 200 };
  await page.mouse.move(box.x + at.x, box.y + at.y);
  const isAt = async (wanted: { x: number; y: number; zoom: number }) => {
    const { x, y, zoom } = await cameraOf(page);
    return Math.abs(x - wanted.x) < 1.5 && Math.abs(y - wanted.y) < 1.5 && Math.abs(zoom / wanted.zoom - 1) < 0.01;
  };
  let camera = await cameraOf(page);
  await page.mouse.wheel(30, 120);
  camera = { ...camera, x: camera.x + 30 / camera.zoom, y: camera.y + 120 / camera.zoom };
  await until(() => isAt(camera), 'two fingers on a trackpad to move the view both ways');
  await page.keyboard.down('Shift');
  await page.mouse.wheel(0, 90);
  await page.keyboard.up('Shift');
  camera = { ...camera, x: camera.x + 90 / camera.zoom };
  await until(() => isAt(camera), 'the wheel with Shift to move it to the side');
  await page.keyboard.down('Control');
  await page.mouse.wheel(0, -50);
  await page.keyboard.up('Control');
  const zoom = camera.zoom * Math.exp(50 / 150);
  camera = { x: camera.x + at.x / camera.zoom - at.x / zoom, y: camera.y + at.y / camera.zoom - at.y / zoom, zoom };
  await until(() => isAt(camera), 'a pinch on a trackpad, or the wheel with Ctrl, to zoom at the pointer');
  await page.locator('.canvas').press('+');
  await until(async () => (await cameraOf(page)).zoom > zoom * 1.2, 'a key to zoom');
  await page.locator('.canvas').press('0');
  await page.getByRole('button', { name: /^Fit all notes, zoom is 100 %$/ }).waitFor();
  camera = await cameraOf(page);
  await page.keyboard.press('ArrowRight');
  await until(() => isAt({ ...camera, x: camera.x + 80 / camera.zoom }), 'a key to move the view');
}

async function showsKeys(page: Page): Promise<void> {
  await page.keyboard.press('?');
  const sheet = page.getByRole('dialog', { name: 'Keys' });
  for (const what of ['Add a note', 'This sheet']) await sheet.getByText(what, { exact: true }).waitFor();
  await page.keyboard.press('Escape');
  await sheet.waitFor({ state: 'detached' });
  await page.locator('.canvas:focus').waitFor();
}

/** Its renderer is killed before what is being written could be saved: the field comes back with it. */
async function survivesCrash({ page, context }: Person): Promise<void> {
  const address = page.url();
  await noteOf(page, 'Risks').dblclick();
  const field = page.getByRole('textbox', { name: 'Note text' });
  await field.waitFor();
  // Nothing that waits is done any more, so none of it becomes a write.
  await page.evaluate('globalThis.setTimeout = () => 0');
  await field.fill('Risks, half a thought');
  const session = await context.newCDPSession(page);
  const crashed = page.waitForEvent('crash');
  void session.send('Page.crash').catch(() => {});
  await crashed;
  const later = await context.newPage();
  await later.goto(address);
  await noteOf(later, 'Risks').dblclick();
  const isBack = async () =>
    (await later.getByRole('textbox', { name: 'Note text' }).inputValue()) === 'Risks, half a thought';
  await until(isBack, 'what was begun');
  await later.keyboard.press('Escape');
  await noteOf(later, 'Risks, half a thought').waitFor();
  await untilStatus(later, /^Live$/);
  await page.close();
}
