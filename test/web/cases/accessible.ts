// Every page by the rules of axe-core, in light and in dark.

import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { Page } from 'playwright-core';
import type { Test } from 'tap';
import { noteOf, signIn, visit, type World } from '../../helpers/app-pages.ts';

const source = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const rules = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];

interface Violation {
  id: string;
  nodes: Array<{ html: string; failureSummary: string }>;
}

/** @param about names the page. @param parts of the board that are looked at; none: all of the page */
export async function check(t: Test, page: Page, about: string, parts: string[] = []): Promise<void> {
  await page.evaluate(source);
  const tried = { rules, include: parts.map((part) => ({ fromShadowDom: ['team-board', part] })) };
  const violations = await page.evaluate(async ({ rules: values, include }) => {
    type Axe = { run(context: object, options: object): Promise<{ violations: Violation[]; passes: unknown[] }> };
    const { axe, document } = globalThis as unknown as { axe: Axe; document: object };
    const context = include.length > 0 ? { include } : document;
    const found = await axe.run(context, { runOnly: { type: 'tag', values } });
    if (found.passes.length === 0) throw new Error('there is nothing to look at');
    return found.violations.map(({ id, nodes }) => ({ id, nodes: nodes.map((node) => node.failureSummary) }));
  }, tried);
  t.strictSame(violations, [], about);
}

export async function accessible(t: Test, world: World, colorScheme: 'light' | 'dark') {
  const options = { colorScheme };
  const visitor = await visit(t, world, options);
  const ada = await signIn(t, world, 'Ada', options);
  const link = await ada.createLink(await ada.createBoard('list'));
  const addresses: Array<[string, string]> = [
    ['/', 'One board. Everyone on it.'],
    ['/#sign-in', 'Sign in'],
    ['/#register', 'Register'],
    [link, 'You are invited'],
    ['/b/x', 'Who are you?'],
  ];
  for (const [path, heading] of addresses) {
    await visitor.page.goto('/robots.txt');
    await visitor.page.goto(path);
    await visitor.page.getByRole('heading', { name: heading }).waitFor();
    if (path === link) await visitor.page.getByText('Ada invites you').waitFor();
    await check(t, visitor.page, path);
  }

  const colors = ['yellow', 'orange', 'red', 'pink', 'purple', 'blue', 'green', 'gray'];
  const { page } = ada;
  const notes = colors.map((color, index) => ({ text: `A ${color} one`, color, x: index * 220, y: 0 }));
  const id = await ada.createBoard('canvas', notes);
  await page.goto('/');
  await page
    .getByRole('link', { name: /Plans of Ada/ })
    .first()
    .waitFor();
  await check(t, page, 'boards');
  await ada.open(id);
  await noteOf(page, 'A yellow one').waitFor();
  await check(t, page, 'canvas');
  await noteOf(page, 'A yellow one').dblclick();
  await page.getByRole('textbox', { name: 'Note text' }).waitFor();
  await check(t, page, 'writing');
  await page.keyboard.press('Escape');
  await page.keyboard.press('Control+k');
  await page.getByRole('combobox', { name: 'Find a note' }).waitFor();
  await page.keyboard.type('yellow');
  await page.getByRole('option', { name: 'A yellow one' }).waitFor();
  await check(t, page, 'find');
  await page.keyboard.press('Escape');
  await page.getByRole('button', { name: 'Keys' }).click();
  await page.getByRole('heading', { name: 'Keys' }).waitFor();
  await check(t, page, 'keys');
  await page.keyboard.press('Escape');
  await page.getByRole('button', { name: 'Watch the stream' }).click();
  await page.getByText('event:ready').waitFor();
  await check(t, page, 'stream');
  await page.getByRole('link', { name: '/debug/streams' }).click();
  const way = page.getByRole('region', { name: 'The way in between' });
  await page.getByRole('button', { name: 'Open a stream' }).click();
  await page.getByText('event:ready').waitFor();
  await page.locator('tr[data-stream-id]').waitFor();
  await way.waitFor();
  await check(t, page, 'debug');
  await page.goto(`/b/${id}`);
  await noteOf(page, 'A yellow one').waitFor();
  for (const view of ['List', 'Columns']) {
    await page.getByRole('button', { name: view, exact: true }).click();
    await page.getByRole('button', { name: 'Move A yellow one', exact: true }).waitFor();
    await check(t, page, view);
  }
  await page.getByRole('button', { name: 'Share', exact: true }).click();
  await page.getByRole('button', { name: 'Make a link' }).click();
  await page.getByLabel('Link', { exact: true }).waitFor();
  await check(t, page, 'share');
  await page.keyboard.press('Escape');
  await page.getByRole('button', { name: 'This board' }).click();
  await page.getByLabel('Or paste it').fill('- one\n- two');
  await page.getByRole('button', { name: 'Import 2 notes' }).waitFor();
  await page.getByRole('button', { name: 'Delete this board' }).click();
  await check(t, page, 'board');
}
