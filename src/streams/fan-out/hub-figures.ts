// What the hub of a node has done, counted for whoever watches the node.

/** How long an event was on its way, in milliseconds; undefined where nobody knows. */
export interface StageTimes {
  /** From its commit, by the clock of the database, until this node was woken for it. */
  wakeUpMs: number | undefined;
  /** From there until it was read and encoded. */
  readMs: number | undefined;
  /** From there until it was written to all live streams of its board. */
  writeMs: number;
}

/**
 * Numbers that grow, and two listeners of one call for each batch and each read: counted for each stream, they would cost
 * what the batches save.
 */
export class HubFigures {
  /** Pages for streams that read the log themselves, by where they were found. */
  readonly pages = { ring: 0, memory: 0, database: 0 };
  readonly read = { events: 0, bytes: 0 };
  onBatch: (times: StageTimes) => void = () => {};
  onRead: (ms: number) => void = () => {};
}

/**
 * @param committedAt by the clock of the database
 * @param wokenAt and `fedAt`: by `performance.now`
 */
export function stageTimes(committedAt: number | undefined, wokenAt: number | undefined, fedAt: number): StageTimes {
  const now = performance.now();
  const sinceCommitMs = committedAt === undefined ? undefined : Date.now() - committedAt;
  return {
    // Two clocks are never quite the same.
    wakeUpMs:
      sinceCommitMs === undefined || wokenAt === undefined ? undefined : Math.max(0, sinceCommitMs - (now - wokenAt)),
    readMs: wokenAt === undefined ? undefined : fedAt - wokenAt,
    writeMs: now - fedAt,
  };
}
