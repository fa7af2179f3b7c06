// What `/client-writes.js` is: apart, for pages that write.

import type { Live } from '../live.ts';
import type { Writes, WritesOptions } from '../writes/offered.ts';
import { PageWrites } from '../writes/writes.ts';

/**
 * Lays the page's writes over the boards of a client, and sends them: at once, or when there is a server again, be it from
 * the next tab.
 */
export function openWrites(live: Live, options: WritesOptions): Writes {
  return new PageWrites(live, options);
}
