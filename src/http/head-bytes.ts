// How large the head of a request may be, with its address.

/**
 * Those of 256 boards with their cursors are 17 KiB of address as browsers spell them, and the id of all of them is 2.
 * Twice what Node takes by itself: a connection holds it only while a head is on its way, and no longer than `headMs`.
 */
export const HEAD_BYTES = 32 * 1024;
