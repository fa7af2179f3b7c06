// Tells the operator whose pages are refused for want of a setting: the browser tells the page's author, and not why.

import type { Logger } from '../logging/logger.ts';
import { canonicalOrigin } from './origin.ts';

/** Anybody can make up origins: after so many no more are told. */
const MOST_TOLD = 20;

export class ToldOrigins {
  readonly #log: Logger;
  readonly #told = new Set<string>();

  constructor(log: Logger) {
    this.#log = log;
  }

  /** @param origin of a page that may not read or change anything here; each is told once */
  refused(origin: string): void {
    const known = canonicalOrigin(origin);
    if (known === undefined || this.#told.has(known) || this.#told.size >= MOST_TOLD) return;
    this.#told.add(known);
    this.#log.info(
      { origin: known },
      'pages of another origin ask this server, and their browser lets them read nothing: add it to CORS_ORIGINS if they are yours',
    );
  }
}
