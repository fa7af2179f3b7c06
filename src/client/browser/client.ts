// What `/client.js` is.

import { createLive } from '../create-live.ts';
import type { ConnectOptions, Live } from '../live.ts';
import { createOutside } from './page.ts';

/**
 * Keeps boards alive in this page, for as long as it is open: over one stream for all tabs of the browser that show
 * boards of the same server for the same user.
 */
export function connect(options: ConnectOptions = {}): Live {
  return createLive({ url: new URL('.', import.meta.url).href, ...options }, createOutside());
}
