// Memory of what came last, for those who remember thousands at most and mostly nothing.

import { LRUCache } from 'lru-cache';

/** Of each entry, so that `maxSize` counts them. */
const sizeCalculation = () => 1;

/**
 * Told `max`, the library takes the room of all entries at once: half a megabyte for 20,000, and nine times at the start
 * of a node. By size it takes what its entries need.
 *
 * @param most how many are kept; the one that was used longest ago makes room
 */
export function newest<Value extends {}>(most: number): LRUCache<string, Value> {
  return new LRUCache({ maxSize: most, sizeCalculation });
}
