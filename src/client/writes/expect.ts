// Whether an item still is as its writer has made it, for what takes that back.

import { isSame, merge } from '../merge-patch.ts';
import type { Item } from '../types.ts';
import type { Fields } from './offered.ts';
import type { Operation } from './write.ts';

/** @returns the fields that have another value now */
export function differing(item: Item, fields: Fields): string[] {
  return Object.entries(fields).flatMap(([name, value]) => (isSame(item[name as keyof Item], value) ? [] : [name]));
}

/** @returns false too where the operation expects nothing in particular */
export function isAsExpected(item: Item, { op, expect }: Operation): boolean {
  if (!expect) return false;
  // What is deleted is lost as a whole; of an update, the patch says which parts matter.
  return op === 'delete' ? differing(item, expect).length === 0 : isSame(merge(item, expect), item);
}
