// Fingers on a phone, as Chromium takes them.

import type { CDPSession } from 'playwright-core';
import type { Test } from 'tap';
import { cameraOf, noteOf, signIn, type World } from '../../helpers/app-pages.ts';
import { until } from '../../helpers/until.ts';

type Place = readonly [x: number, y: number];

/** Fingers go down, on the way to all of the places, and up one after the other. */
async function fingers(session: CDPSession, ...ways: Array<readonly Place[]>): Promise<void> {
  const points = (step: number, count = ways.length) =>
    ways.slice(0, count).map((way, id) => {
      const [x = 0, y = 0] = way[Math.min(step, way.length - 1)] ?? [];
      return { x, y, id };
    });
  const touch = (type: 'touchStart' | 'touchMove' | 'touchEnd', touchPoints: object[]) =>
    session.send('Input.dispatchTouchEvent', { type, touchPoints: touchPoints as never });
  for (let count = 1; count <= ways.length; count += 1) await touch('touchStart', points(0, count));
  const steps = Math.max(...ways.map(({ length }) => length));
  for (let step = 1; step < steps; step += 1) await touch('touchMove', points(step));
  for (let count = ways.length - 1; count >= 0; count -= 1) await touch('touchEnd', points(steps, count));
}

const isNear = (one: number, other: number) => Math.abs(one - other) < 1.5;

export async function touch(t: Test, world: World) {
  const phone = { hasTouch: true, isMobile: true, viewport: { width: 390, height: 780 } };
  const kim = await signIn(t, world, 'Kim', phone);
  const { page, context } = kim;
  await page.goto('/');
  const [brand, signOut] = await Promise.all(
    [page.getByRole('link', { name: 'Teamboard' }), page.getByRole('button', { name: 'Sign out' })].map((each) =>
      each.boundingBox(),
    ),
  );
  const middleOf = (box: { y: number; height: number } | null | undefined) =>
    box ? box.y + box.height / 2 : Number.NaN;
  t.ok(isNear(middleOf(brand), middleOf(signOut)), 'the way out is no row of its own');
  await page.getByRole('button', { name: 'New board' }).click();
  await page.getByText('Double-tap anywhere, or tap Add note').waitFor();
  for (const text of ['Welcome!', 'Everyone on the board', 'No network?']) {
    const { x: noteX = -1, width: noteWidth = 0 } = (await noteOf(page, text).boundingBox()) ?? {};
    t.ok(noteX >= 0 && noteX + noteWidth <= phone.viewport.width, `all of the column of ${text}`);
  }
  const columns = Array.from({ length: 6 }, (_, index) => ({ text: `Column ${index}`, x: index * 240, y: 0 }));
  await kim.open(await kim.createBoard('canvas', columns));
  await noteOf(page, 'Column 0').waitFor();
  await page.locator('.canvas[data-more="right"]').waitFor();
  await noteOf(page, 'Column 1').click();
  await page.getByRole('group', { name: 'What is chosen' }).waitFor();
  await page.getByRole('button', { name: 'List', exact: true }).click();
  await page.getByRole('button', { name: 'Move Column 5', exact: true }).waitFor();
  let below = 0;
  for (const { text } of columns) {
    const { y = -1, height = 0 } = (await noteOf(page, text).boundingBox()) ?? {};
    t.ok(y >= below, `${text} stands below the one before, whether it is chosen or not`);
    below = y + height;
  }
  await kim.open(await kim.createBoard('canvas', [{ text: 'Here' }]));
  const session = await context.newCDPSession(page);
  const note = noteOf(page, 'Here');
  await note.waitFor();
  t.notOk(await page.locator('.minimap').isVisible(), 'a phone has no room for a map');
  const view = await page.locator('.canvas').boundingBox();
  t.ok(view);
  const { x: left, y: top, width } = view ?? { x: 0, y: 0, width: 0 };

  const before = await cameraOf(page);
  await fingers(session, [
    [left + 60, top + 60],
    [left + 80, top + 80],
    [left + 100, top + 110],
  ]);
  const panned = async () => {
    const { x, y, zoom } = await cameraOf(page);
    return zoom === before.zoom && isNear(before.x - x, 40 / zoom) && isNear(before.y - y, 50 / zoom);
  };
  await until(panned, 'the surface to go with one finger');

  const place = () => note.evaluate(({ style }) => style.transform);
  const from = await place();
  const box = await note.boundingBox();
  const { x = 0, y = 0 } = box ?? {};
  const camera = await cameraOf(page);
  await fingers(session, [
    [x + 20, y + 20],
    [x + 40, y + 20],
    [x + 60, y - 20],
  ]);
  await until(async () => (await place()) !== from, 'the note to go with a finger');
  t.strictSame(await cameraOf(page), camera, 'and the surface stays');

  const middle = { x: width / 2, y: 60 };
  const at = (by: number): Place => [left + middle.x + by, top + middle.y];
  await fingers(session, [at(-40), at(-60), at(-80)], [at(40), at(60), at(80)]);
  const pinched = async () => isNear((await cameraOf(page)).zoom * 10, camera.zoom * 20);
  await until(pinched, 'two fingers to zoom');
  const { zoom, ...corner } = await cameraOf(page);
  t.ok(isNear(corner.x + middle.x / zoom, camera.x + middle.x / camera.zoom), 'what lies between them stays there');
  t.ok(isNear(corner.y + middle.y / zoom, camera.y + middle.y / camera.zoom));

  const [tapX, tapY] = [left + 30, top + 30];
  await page.touchscreen.tap(tapX, tapY);
  await page.touchscreen.tap(tapX, tapY);
  await page.getByRole('textbox', { name: 'Note text' }).waitFor();
}
