// What the API tells, as a page gets it.

/** Who did it, or who is there. */
export interface User {
  id: string;
  name: string;
}

interface Stamps {
  /** Counts the changes, from 1. */
  version: number;
  createdBy: string | null;
  createdAt: string;
  updatedBy: string | null;
  updatedAt: string;
}

export interface Board extends Stamps {
  id: string;
  name: string;
  layout: 'canvas' | 'list';
}

export interface Item extends Stamps {
  id: string;
  boardId: string;
  text: string;
  x: number;
  y: number;
  color: 'yellow' | 'orange' | 'red' | 'pink' | 'purple' | 'blue' | 'green' | 'gray';
  /** Orders a list; ties are broken by the id. */
  rank: string;
  data: Record<string, unknown>;
}

export interface Member {
  boardId: string;
  user: User;
  role: 'owner' | 'editor' | 'viewer';
  createdAt: string;
}

/** A row of a published table. */
export interface Row {
  /** The primary key, as text. */
  id: string;
  object: Record<string, unknown>;
}

/** What `GET /boards/:id` gives. */
export interface Snapshot {
  board: Board;
  items: Item[];
  members: Member[];
  /** The rows of published tables of an application, by their `resource`. Absent where the board has none. */
  tables?: Record<string, Row[]>;
  /** The last event that it holds. */
  cursor: string;
}

/** A committed change, as the stream's `changed` has it. */
export interface BoardEvent {
  seq: number;
  boardId: string;
  /** `board`, `item`, `member`, or the name of a table that the application has published. */
  resource: string;
  action: 'created' | 'updated' | 'deleted';
  id: string;
  /** The whole resource after the change; before it, where it was deleted. */
  object: unknown;
  /** The fields that an update changed. */
  changes?: string[];
  /** Null for a writer that is no user. */
  actor: User | null;
  /** The `Idempotency-Key` of the write. */
  mutationId?: string;
  at: string;
}

/** What somebody has sent to everyone who has the board open. */
export interface Broadcast {
  boardId: string;
  name: string;
  data: unknown;
  from: { user: User; streamId?: string };
  at: string;
}

/**
 * - `connecting`: nothing to show yet
 * - `cached`: what was known before is shown, and a stream is on its way
 * - `live`: what is shown is what the board is
 * - `behind`: the stream is gone for the moment; what is shown may be old
 * - `offline`: the server cannot be reached; it is tried again, sooner when the browser says that it is online
 * - `signed-out`: the server does not know who is calling; `retry()` tries again
 * - `ended`: the user may not see this board (any more), or there is none, or there are too many; or the client was closed
 */
export type StatusName = 'cached' | 'connecting' | 'live' | 'behind' | 'offline' | 'signed-out' | 'ended';

export interface Status {
  readonly name: StatusName;
  /** Milliseconds since 1970. */
  readonly since: number;
  /** What ended it, or why it waits: of a `close` frame, or the code of a problem (`TB_…`). */
  readonly reason?: string | undefined;
}

/** What is shown of a board. A new object for each change; parts that did not change stay the same objects. */
export interface BoardState {
  /** Undefined until the first snapshot. */
  readonly board: Board | undefined;
  readonly items: ReadonlyMap<string, Item>;
  readonly members: readonly Member[];
  /** Who has the board open. */
  readonly presence: readonly User[];
}

/** A change, and where it comes from. */
export interface Change extends BoardEvent {
  /** Written through this client: its `mutationId` is one that this page has sent. */
  readonly own: boolean;
}

/** What has happened since the last call. */
export interface Changes {
  /** In the order of the log. */
  readonly changes: readonly Change[];
  /** The whole board was read anew, or more has changed than is told one by one: look at all of it. */
  readonly snapshot: boolean;
}

/** What the next view is made of. */
export type Applied =
  | { kind: 'snapshot'; snapshot: Snapshot }
  | { kind: 'changed'; event: BoardEvent }
  | { kind: 'ended'; reason: string };
