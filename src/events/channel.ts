// The Postgres channels, that of each board and that of all nodes: the one place that makes and reads their names.

const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/**
 * A channel is of the whole database, in which there may be several installations: its name begins with their schema, as
 * the triggers of postgres/migrations have it.
 */
export class Channels {
  /** On which the end of sessions and tokens is announced. */
  readonly access: string;
  /** What the name of a board's channel begins with; its id follows. */
  readonly boardPrefix: string;

  /** @param schema of 20 characters at most, see `loadConfig` */
  constructor(schema: string) {
    this.access = `${schema}_access_ended`;
    this.boardPrefix = `${schema}_board_`;
  }

  /**
   * LISTEN takes no parameter, so the name becomes part of a statement: it is built from nothing but the schema and a
   * UUID. 63 bytes at most: after them LISTEN would cut it, and NOTIFY fail.
   *
   * @throws TypeError when `boardId` is no UUID in lower case
   */
  ofBoard(boardId: string): string {
    if (!uuid.test(boardId)) throw new TypeError(`not the id of a board: ${JSON.stringify(boardId)}`);
    return this.boardPrefix + boardId;
  }

  /** @returns undefined for a channel that is of no board of ours */
  boardOf(channel: string): string | undefined {
    const boardId = channel.slice(this.boardPrefix.length);
    return channel.startsWith(this.boardPrefix) && uuid.test(boardId) ? boardId : undefined;
  }
}
