// Operations in as many batches as the server needs to take them.

const MOST_OPERATIONS = 500;
/** In JSON, as UTF-8: the server takes 1 MiB with what is round it. */
const MOST_BYTES = 900 * 1024;

const encoder = new TextEncoder();

/** @returns all of them, in their order */
export function inBatches<Operation>(operations: readonly Operation[]): Operation[][] {
  const batches: Operation[][] = [];
  let bytes = 0;
  for (const operation of operations) {
    const size = encoder.encode(JSON.stringify(operation)).length + 1;
    const batch = batches.at(-1);
    if (batch && batch.length < MOST_OPERATIONS && bytes + size <= MOST_BYTES) {
      batch.push(operation);
      bytes += size;
    } else {
      batches.push([operation]);
      bytes = size;
    }
  }
  return batches;
}
