// A real browser: Debian's Chromium, where it is installed.

import { existsSync } from 'node:fs';
import { type Browser, type BrowserContext, type BrowserContextOptions, chromium } from 'playwright-core';
import type { Teardown } from './teardown.ts';
import { PATIENT_MS } from './until.ts';

const path = '/usr/bin/chromium';

/** For the options of a test. */
export const needsChromium = existsSync(path) ? {} : { skip: `needs ${path}` };

/** The name of this machine by which a browser trusts no page without TLS, as it does by `localhost`. */
export const untrusted = 'board.test';

/** With an empty profile, and nothing that it does by itself. It ends with the tests. */
export async function startChromium(t: Teardown): Promise<Browser> {
  const browser = await chromium.launch({
    executablePath: path,
    args: [
      ...['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-sync'],
      ...['--disable-background-networking', '--disable-component-update', '--disable-dev-shm-usage'],
      `--host-resolver-rules=MAP ${untrusted} 127.0.0.1`,
    ],
    // Else no page ever comes back as it was.
    ignoreDefaultArgs: ['--disable-back-forward-cache'],
    timeout: PATIENT_MS,
  });
  t.teardown(() => browser.close());
  return browser;
}

/** An empty profile, whose pages wait as long as a test does. */
export async function openContext(
  t: Teardown,
  browser: Browser,
  options: BrowserContextOptions = {},
): Promise<BrowserContext> {
  const context = await browser.newContext(options);
  context.setDefaultTimeout(PATIENT_MS);
  t.teardown(() => context.close());
  return context;
}
