// Somebody at the page of an example, in a browser of their own.

import type { Browser, Page } from 'playwright-core';
import type { Test } from 'tap';
import { openContext } from './chromium.ts';
import { until } from './until.ts';

export interface Visitor {
  page: Page;
  /** What is at the selector, in order. */
  texts(selector: string): Promise<string[]>;
  /** Waits until that is so. */
  untilTexts(selector: string, texts: string[]): Promise<void>;
  /** Waits until somebody else's name, or another text, is at the selector. */
  untilShown(selector: string, text: string): Promise<void>;
}

/** Comes in by the form that asks for a name. */
export async function visit(t: Test, browser: Browser, url: string, name: string): Promise<Visitor> {
  const context = await openContext(t, browser, { viewport: { width: 800, height: 640 } });
  const page = await context.newPage();
  page.on('pageerror', (error) => t.fail(`${name}'s page: ${error.message}`));
  await page.goto(url);
  await page.fill('[name=name]', name);
  await page.press('[name=name]', 'Enter');
  const texts = async (selector: string) =>
    (await page.locator(selector).allTextContents()).map((text) => text.trim().replace(/\s+/g, ' '));
  const untilSo = (selector: string, isSo: (found: string[]) => boolean, what: string) =>
    until(async () => isSo(await texts(selector)), `${name}'s page to show ${what}`);
  return {
    page,
    texts,
    untilTexts: async (selector, expected) => {
      await untilSo(selector, (found) => found.join('\n') === expected.join('\n'), expected.join(', '));
    },
    untilShown: async (selector, text) => {
      await untilSo(selector, (found) => found.join('\n').includes(text), text);
    },
  };
}
