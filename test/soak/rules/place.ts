// A place in a board's log, as a cursor names it.

export interface Place {
  epoch: string;
  seq: number;
}

/** @returns undefined for what is no cursor of one board */
export function placeOf(cursor: string | undefined): Place | undefined {
  const [, epoch, seq] = /^([0-9a-f]{8})-(\d{1,15})$/.exec(cursor ?? '') ?? [];
  return epoch === undefined ? undefined : { epoch, seq: Number(seq) };
}
