// How large the `data` of an item may be. The table refuses more, but only after it has read and merged all of it.

import { invalid } from '../problems/problem.ts';
import type { ItemPatch } from './board.ts';

const MAX_BYTES = 16 * 1024;
/** What removes all that there can be (by `null`s) and sets as much anew is smaller than three times that. */
const MAX_PATCH_BYTES = 4 * MAX_BYTES;

/**
 * @param item that is to be made
 * @param path of it in the body
 * @throws Problem TB_INVALID
 */
export function checkNewData(item: ItemPatch, path = ''): void {
  checkSize(item.data, MAX_BYTES, path);
}

/**
 * Of the patch alone: what becomes of the data is decided by the table.
 *
 * @param patch of an item
 * @param path of it in the body
 * @throws Problem TB_INVALID
 */
export function checkDataPatch(patch: ItemPatch, path = ''): void {
  checkSize(patch.data, MAX_PATCH_BYTES, path);
}

function checkSize(data: object | undefined, most: number, path: string): void {
  if (data === undefined) return;
  if (Buffer.byteLength(JSON.stringify(data)) <= most) return;
  throw invalid(
    `${path}/data`,
    `must be at most ${most / 1024} KiB as JSON without blanks, with numbers written out (1e21 has 22 digits)`,
  );
}
