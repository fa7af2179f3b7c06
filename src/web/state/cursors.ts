// Cursors by their number. A cursor is the history that a log is of, and behind the last hyphen the place of an event.

export const seqOf = (cursor: string): number => Number(/-(\d+)$/.exec(cursor)?.[1]);

/** @param known any cursor of the same log */
export const cursorAt = (known: string, seq: number): string => known.replace(/\d+$/, String(seq));
