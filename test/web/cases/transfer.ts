// A board as files, and files as a board.

import { readFileSync } from 'node:fs';
import type { Page } from 'playwright-core';
import type { Test } from 'tap';
import { noteOf, signIn, untilNotes, untilStatus, type World } from '../../helpers/app-pages.ts';
import { until } from '../../helpers/until.ts';

async function openDialog(page: Page) {
  await page.getByRole('button', { name: 'This board' }).click();
  const dialog = page.getByRole('dialog', { name: 'This board' });
  await dialog.getByRole('heading', { name: 'Import' }).waitFor();
  return dialog;
}

export async function transfer(t: Test, world: World) {
  const ada = await signIn(t, world, 'Ada');
  const { page, context } = ada;
  const items = [
    { text: '=1+1', color: 'red', x: 0, y: 0, data: { label: 'Now' } },
    { text: 'Two\nlines, <b>"quoted"</b>', color: 'blue', x: 300, y: 0 },
    { text: 'Third', color: 'yellow', x: 0, y: 200 },
  ];
  const id = await ada.createBoard('canvas', items);
  await ada.open(id);
  await noteOf(page, 'Third').waitFor();
  let dialog = await openDialog(page);

  async function save(form: string): Promise<Buffer> {
    const [file] = await Promise.all([
      page.waitForEvent('download'),
      dialog.getByRole('button', { name: form, exact: true }).click(),
    ]);
    t.match(file.suggestedFilename(), /^Plans-of-Ada\.(?:json|md|csv|png)$/);
    return readFileSync(await file.path());
  }
  const json = await save('JSON');
  const csv = await save('CSV');
  const markdown = await save('Markdown');
  t.match(csv.toString(), /\r\n"'=1\+1",red,Now,0,0\r\n/, 'a spreadsheet computes nothing of it');
  t.match(markdown.toString(), '# Plans of Ada\n\n- Two\n  lines');
  const picture = await save('PNG');
  t.strictSame([...picture.subarray(1, 4)].map((code) => String.fromCharCode(code)).join(''), 'PNG');
  t.ok(picture.readUInt32BE(16) >= 1000, 'as wide as the notes lie, twice as sharp');

  type Snapshot = { board: { name: string; layout: string }; items: Array<Record<string, unknown>> };
  const snapshotOf = async (boardId: string) =>
    (await (await context.request.get(`/boards/${boardId}`)).json()) as Snapshot;
  const contentOf = ({ items }: Snapshot) => items.map(({ text, color, x, y, data }) => ({ text, color, x, y, data }));
  const before = await snapshotOf(id);

  // The first answer of each is lost on its way: what is tried again is not done twice.
  let sent = 0;
  await page.route('**/batch', async (route) => {
    sent += 1;
    if (sent > 1) return route.continue();
    await route.fetch();
    await route.abort();
  });
  for (const [name, buffer] of Object.entries({ 'a.json': json, 'a.csv': csv })) {
    await dialog.getByLabel('File').setInputFiles({ name, mimeType: 'text/plain', buffer });
    await dialog.getByLabel('Into').selectOption('new');
    await dialog.getByRole('button', { name: 'Import 3 notes' }).click();
    if (name === 'a.json') {
      await dialog.getByText('The server cannot be reached.').waitFor();
      await dialog.getByText('0 of 3 notes have arrived').waitFor();
      await dialog.getByRole('button', { name: 'Go on' }).click();
    }
    await until(() => !page.url().endsWith(id), 'the new board');
    await untilStatus(page, /^Live$/);
    await noteOf(page, 'Third').waitFor();
    const after = await snapshotOf(new URL(page.url()).pathname.slice('/b/'.length));
    t.strictSame(contentOf(after), contentOf(before), `${name}: all of it, in its order`);
    t.equal(after.board.name, name === 'a.json' ? 'Plans of Ada' : 'Imported');
    await ada.open(id);
    dialog = await openDialog(page);
  }

  const lines = Array.from({ length: 620 }, (_, index) => `- Line ${index}`).join('\n');
  sent = 0;
  await dialog.getByLabel('Or paste it').fill(lines);
  await dialog.getByText('620 notes, read as a list.').waitFor();
  await dialog.getByRole('button', { name: 'Import 620 notes' }).click();
  await dialog.getByText('620 notes imported. Undo takes all of it back.').waitFor();
  const all = (await snapshotOf(id)).items.map(({ text }) => text);
  t.strictSame(all.slice(3), lines.replaceAll('- ', '').split('\n'), 'each once, and behind what was there');
  // Its events may come before it is sent again, and say that it was done.
  t.ok(sent >= 2, `${sent} batches`);
  await page.unrouteAll({ behavior: 'wait' });
  ada.complaints.splice(0, ada.complaints.length, ...ada.complaints.filter((each) => !/ERR_FAILED/.test(each)));
  await dialog.getByRole('button', { name: 'Close' }).click();
  await page.getByRole('button', { name: 'Delete 620' }).waitFor();
  const texts = items.map(({ text }) => text);
  const isStored = async (count: number) => (await snapshotOf(id)).items.length === count;
  await page.getByRole('button', { name: 'Undo' }).click();
  await untilNotes(page, texts);
  await until(() => isStored(3), 'one undo to take all of it back');
  await page.getByRole('button', { name: 'Redo' }).click();
  await until(() => isStored(623), 'and one redo to do it again');
  await page.locator('.canvas').press('Control+a');
  await page.getByRole('button', { name: 'Delete 623' }).click();
  await untilNotes(page, []);
  await page.getByRole('button', { name: 'Undo' }).click();
  await until(() => isStored(623), 'the same of what was deleted in one go');
}
