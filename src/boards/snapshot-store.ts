// GET /boards/:id in one statement, and so in one snapshot of the database.

import pLimit from 'p-limit';
import type { CustomTypesConfig, Pool } from 'pg';
import { formatCursor } from '../events/cursor.ts';
import type { WaitingBytes } from '../output/waiting-bytes.ts';
import { type Place, type Snapshot, SnapshotReader } from './snapshot.ts';
import { SnapshotShelf } from './snapshot-shelf.ts';

export interface SnapshotStore {
  /**
   * @returns to be released; undefined when the user is no member, also of a board that does not exist
   * @throws Problem TB_UNAVAILABLE when the board is large and there is no room for it now
   */
  read(userId: string, boardId: string): Promise<SnapshotReader | undefined>;
  /** The same, a few at a time: for streams, all of which a failover resets in one instant. */
  readInTurn(userId: string, boardId: string): Promise<SnapshotReader | undefined>;
  /** The place of the last event of the board alone. @returns undefined when the user is no member */
  readPlace(userId: string, boardId: string): Promise<Place | undefined>;
}

/** A board of more bytes than this is read once for all, and kept for those who read it slowly. */
const LARGE_BYTES = 256 * 1024;
/** What streams read at a time, so that writes find a connection in between. Large boards have turns of their own. */
const TURNS = 4;

/**
 * The head row tells how large the board is, about: the log counts the texts and data of its items, and the rest of one
 * is some 400 bytes. The items follow in rows of 64, unless the board is larger than is asked for: so nobody has to build,
 * send or parse it as a single string. (string_agg and not json_agg, which writes a newline between elements: the text is
 * also the data of a stream's frame.)
 */
const snapshotSql = `
  with here as materialized (
    select boards as board, board_log.head::float8 as seq, current_epoch() as epoch,
      (item_bytes + 400 * item_count)::float8 as bytes
    from boards
    join board_log on board_log.board_id = boards.id
    where boards.id = $1
      and ($2::uuid is null or exists (select from members where board_id = $1 and user_id = $2))
  )
  select -1 as part, seq, epoch, bytes, board_object(board)::text::varchar as json,
    case when bytes <= $3::float8 then
      (select coalesce(string_agg(member_object(members)::text, ',' order by created_at, user_id), '')
       from members where board_id = $1)
    end::varchar as members
  from here
  union all
  select part, null, null, null, string_agg(item_object(item)::text, ',' order by rank, id)::varchar, null
  from (
    select items as item, rank, id, ((row_number() over (order by rank, id) - 1) / 64)::int as part
    from items
    where board_id = $1 and (select bytes <= $3::float8 from here)
  ) numbered
  group by part`;

interface HeadRow extends Place {
  part: -1;
  bytes: number;
  json: Buffer;
  /** Null when the board is larger than was asked for. */
  members: Buffer | null;
}

interface Rows {
  /** Undefined when the user is no member. */
  head?: HeadRow;
  /** Undefined when the board is larger than was asked for. */
  whole?: Snapshot;
}

interface ItemsRow {
  part: number;
  json: Buffer;
}

const VARCHAR = 1043;
const TEXT = 25;

/** What can be long leaves the heap as it comes, row by row. */
const types = {
  getTypeParser: (type: number) => {
    if (type === VARCHAR) return (value: string) => Buffer.from(value);
    return type === TEXT ? String : Number;
  },
} as CustomTypesConfig;

export function createSnapshotStore(pool: Pool, waiting: WaitingBytes): SnapshotStore {
  const shelf = new SnapshotShelf({
    waiting,
    readWhole: async (boardId) => (await readRows(pool, boardId, null, 'infinity')).whole,
  });

  const turns = pLimit(TURNS);
  /** Boards that are not large, of which each stream holds what it has not sent yet. */
  const small = { waitingBytes: 0 };
  waiting.include(small);

  function openSmall(whole: Snapshot): SnapshotReader {
    small.waitingBytes += whole.bytes;
    const onRelease = () => {
      small.waitingBytes -= whole.bytes;
    };
    return new SnapshotReader(whole, { isShared: false, onRelease });
  }

  async function readPlace(userId: string, boardId: string): Promise<Place | undefined> {
    const { rows } = await pool.query<Place>({
      name: 'snapshot-read-place',
      text: `select head::float8 as seq, current_epoch() as epoch from board_log join members using (board_id)
             where board_id = $1 and user_id = $2`,
      values: [boardId, userId],
    });
    return rows[0];
  }

  async function open(userId: string, boardId: string, { head, whole }: Rows): Promise<SnapshotReader | undefined> {
    if (whole || !head) return whole && openSmall(whole);
    const reader = await shelf.take(boardId, head, head.bytes);
    if (!reader || reader.seq === head.seq) return reader;
    // It holds more than what the user is known to be a member for, so that is looked up again (E6).
    let isMember = false;
    try {
      isMember = (await readPlace(userId, boardId)) !== undefined;
    } finally {
      if (!isMember) reader.release();
    }
    return isMember ? reader : undefined;
  }

  const readFirst = (userId: string, boardId: string) => readRows(pool, boardId, userId, LARGE_BYTES);
  return {
    read: async (userId, boardId) => open(userId, boardId, await readFirst(userId, boardId)),
    // Not while the shelf has it: who waits there for a large board would keep everyone's small ones waiting (E5).
    readInTurn: async (userId, boardId) => open(userId, boardId, await turns(readFirst, userId, boardId)),
    readPlace,
  };
}

/** @param most bytes of a board that is read as a whole; of a larger one there is only the head */
async function readRows(pool: Pool, boardId: string, userId: string | null, most: number | 'infinity'): Promise<Rows> {
  const { rows } = await pool.query<HeadRow | ItemsRow>({
    name: 'snapshot-read',
    text: snapshotSql,
    values: [boardId, userId, most],
    types,
  });
  let head: HeadRow | undefined;
  const pieces: Buffer[] = [];
  for (const row of rows) {
    if (isHead(row)) head = row;
    else pieces[row.part] = row.json;
  }
  if (!head?.members) return { ...(head && { head }) };
  return { head, whole: assemble(boardId, head, head.members, pieces) };
}

function isHead(row: HeadRow | ItemsRow): row is HeadRow {
  return row.part === -1;
}

function assemble(boardId: string, { json, seq, epoch }: HeadRow, members: Buffer, items: Buffer[]): Snapshot {
  const comma = Buffer.from(',');
  const pieces = [
    Buffer.concat([Buffer.from('{"board":'), json, Buffer.from(',"items":[')]),
    ...items.flatMap((piece, index) => (index === 0 ? [piece] : [comma, piece])),
    Buffer.concat([
      Buffer.from('],"members":['),
      members,
      Buffer.from(`],"cursor":"${formatCursor({ epoch, boardId }, seq)}"}`),
    ]),
  ];
  return { seq, epoch, pieces, bytes: pieces.reduce((sum, piece) => sum + piece.length, 0) };
}
