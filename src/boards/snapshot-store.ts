// GET /boards/:id in one statement, and so in one snapshot of the database.

import pLimit from 'p-limit';
import type { CustomTypesConfig, Pool } from 'pg';
import type { Reader } from '../access/claims.ts';
import { formatCursor } from '../events/cursor.ts';
import type { WaitingBytes } from '../output/waiting-bytes.ts';
import { KeptSnapshots } from './kept-snapshots.ts';
import { type Place, type SnapshotBytes, SnapshotReader } from './snapshot.ts';
import { SnapshotShelf } from './snapshot-shelf.ts';

export interface SnapshotStore {
  /**
   * @returns to be released; undefined when the reader may not see the board, also for one that does not exist
   * @throws Problem TB_UNAVAILABLE when the board is large and there is no room for it now
   */
  read(reader: Reader, boardId: string): Promise<SnapshotReader | undefined>;
  /** The same, a few at a time: for streams, all of which a failover resets in one instant. */
  readInTurn(reader: Reader, boardId: string): Promise<SnapshotReader | undefined>;
  /** The place of the last event of the board alone. @returns undefined when the reader may not see it */
  readPlace(reader: Reader, boardId: string): Promise<Place | undefined>;
}

/** A board of more bytes than this is read once for all, and kept for those who read it slowly. */
const LARGE_BYTES = 256 * 1024;
/** What is kept of boards that are not large, for whoever asks for them next. */
const KEPT_BYTES = 8 * 1024 * 1024;
/** What streams read at a time, so that writes find a connection in between. Large boards have turns of their own. */
const TURNS = 4;

/**
 * The head row tells how large the board is, about: the log counts the texts and data of its items, and the rest of one
 * is some 400 bytes. The items follow in rows of 64, and those of published tables, unless the board is larger than is asked for: so nobody has to build,
 * send or parse it as a single string. Nor do they where the board is still at the place that the caller has it of ($4, $5).
 * (string_agg and not json_agg, which writes a newline between elements: the text is
 * also the data of a stream's frame.)
 */
const snapshotSql = `
  with here as materialized (
    select boards as board, board_log.head::float8 as seq, :schema.current_epoch() as epoch,
      (item_bytes + 400 * item_count + 100 * row_count)::float8 as bytes,
      coalesce(head = $4::float8 and :schema.current_epoch() = $5, false) as "isKnown"
    from :schema.boards
    join :schema.board_log on board_log.board_id = boards.id
    where boards.id = $1
      and ($2::uuid is null or exists (select from :schema.access_to($1, $2, $6::jsonb)))
  ), wanted as materialized (
    select bytes <= $3::float8 and not "isKnown" as "isWanted" from here
  )
  select -1 as part, seq, epoch, bytes, "isKnown", :schema.board_object(board)::text::varchar as json,
    case when (select "isWanted" from wanted) then
      (select coalesce(string_agg(:schema.member_object(members)::text, ',' order by created_at, user_id), '')
       from :schema.members where board_id = $1)
    end::varchar as members, null as resource
  from here
  union all
  select part, null, null, null, null, string_agg(:schema.item_object(item)::text, ',' order by rank, id)::varchar, null, null
  from (
    select items as item, rank, id, ((row_number() over (order by rank, id) - 1) / 64)::int as part
    from :schema.items
    where board_id = $1 and (select "isWanted" from wanted)
  ) numbered
  group by part
  union all
  select part, null, null, null, null,
    string_agg(concat('{"id":', to_json(id), ',"object":', object, '}'), ',' order by id)::varchar, null, resource
  from (
    select resource, id collate "C" as id, object,
      ((row_number() over (partition by resource order by id collate "C") - 1) / 64)::int as part
    from :schema.published_rows
    where board_id = $1 and (select "isWanted" from wanted)
  ) told
  group by resource, part`;

interface HeadRow extends Place {
  part: -1;
  bytes: number;
  /** It is at the place that the question has named. */
  isKnown: boolean;
  json: Buffer;
  /** Null when the board is larger than was asked for, or known. */
  members: Buffer | null;
}

interface Rows {
  /** Undefined when the reader may not see it. */
  head?: HeadRow;
  /** Undefined when the board is larger than was asked for, or known. */
  whole?: SnapshotBytes | undefined;
}

interface PieceRow {
  part: number;
  json: Buffer;
  /** Of the published table whose rows these are; null: they are items. */
  resource: string | null;
}

const VARCHAR = 1043;
const TEXT = 25;
const BOOLEAN = 16;

/** What can be long leaves the heap as it comes, row by row: of the type `varchar`. */
export const types = {
  getTypeParser: (type: number) => {
    if (type === VARCHAR) return (value: string) => Buffer.from(value);
    if (type === BOOLEAN) return (value: string) => value === 't';
    return type === TEXT ? String : Number;
  },
} as CustomTypesConfig;

export function createSnapshotStore(pool: Pool, waiting: WaitingBytes): SnapshotStore {
  const shelf = new SnapshotShelf({
    waiting,
    readWhole: async (boardId) => (await readRows(pool, { boardId, reader: null, most: 'infinity' })).whole,
  });

  const turns = pLimit(TURNS);
  /** Boards that are not large, of which each stream holds what it has not sent yet. */
  const small = { waitingBytes: 0 };
  waiting.include(small);

  function openSmall(whole: SnapshotBytes): SnapshotReader {
    small.waitingBytes += whole.bytes;
    const onRelease = () => {
      small.waitingBytes -= whole.bytes;
    };
    return new SnapshotReader(whole, { isShared: false, onRelease });
  }

  async function readPlace({ userId, claims }: Reader, boardId: string): Promise<Place | undefined> {
    const { rows } = await pool.query<Place>({
      name: 'snapshot-read-place',
      text: `select head::float8 as seq, :schema.current_epoch() as epoch from :schema.board_log, :schema.access_to($1, $2, $3)
             where board_log.board_id = $1`,
      values: [boardId, userId, claims?.json],
    });
    return rows[0];
  }

  async function open(reader: Reader, boardId: string, { head, whole }: Rows): Promise<SnapshotReader | undefined> {
    if (whole || !head) return whole && openSmall(whole);
    const snapshot = await shelf.take(boardId, head, head.bytes);
    if (!snapshot || snapshot.seq === head.seq) return snapshot;
    // It holds more than what the reader is known to be let in for, so that is looked up again (E6).
    let maySee = false;
    try {
      maySee = (await readPlace(reader, boardId)) !== undefined;
    } finally {
      if (!maySee) snapshot.release();
    }
    return maySee ? snapshot : undefined;
  }

  const kept = new KeptSnapshots(KEPT_BYTES);
  /** Whether the reader may is asked for each of them, and what the board is only where it is not known. */
  const readFirst = (reader: Reader, boardId: string): Promise<Rows> =>
    kept.use(boardId, async (known) => {
      const { head, whole } = await readRows(pool, { boardId, reader, most: LARGE_BYTES, known });
      return { ...(head && { head }), whole: head?.isKnown ? known : whole };
    });
  return {
    read: async (reader, boardId) => open(reader, boardId, await readFirst(reader, boardId)),
    // Not while the shelf has it: who waits there for a large board would keep everyone's small ones waiting (E5).
    readInTurn: async (reader, boardId) => open(reader, boardId, await turns(readFirst, reader, boardId)),
    readPlace,
  };
}

interface Question {
  boardId: string;
  /** Who must be allowed to see it; null: nobody. */
  reader: Reader | null;
  /** Bytes of a board that is read as a whole; of a larger one there is only the head. */
  most: number | 'infinity';
  /** What the caller has of it: while the board is still there, there is only the head as well. */
  known?: Place | undefined;
}

async function readRows(pool: Pool, { boardId, reader, most, known }: Question): Promise<Rows> {
  const { rows } = await pool.query<HeadRow | PieceRow>({
    name: 'snapshot-read',
    text: snapshotSql,
    values: [boardId, reader?.userId ?? null, most, known?.seq, known?.epoch, reader?.claims?.json],
    types,
  });
  let head: HeadRow | undefined;
  const pieces: RowPieces = new Map();
  for (const row of rows) {
    if (isHead(row)) head = row;
    else addPiece(pieces, row, row.json);
  }
  if (!head?.members) return { ...(head && { head }) };
  return { head, whole: assemble(boardId, head, head.members, pieces) };
}

/** Of the items (null) and of each published table: rows of JSON with commas in between, some in each piece. */
export type RowPieces = Map<string | null, Buffer[]>;

export function addPiece(
  pieces: RowPieces,
  { resource, part }: { resource: string | null; part: number },
  json: Buffer,
): void {
  const ofResource = pieces.get(resource) ?? [];
  ofResource[part] = json;
  pieces.set(resource, ofResource);
}

function isHead(row: HeadRow | PieceRow): row is HeadRow {
  return row.part === -1;
}

export function assemble(
  boardId: string,
  { json, seq, epoch }: Place & { json: Buffer },
  members: Buffer,
  rows: RowPieces,
): SnapshotBytes {
  const comma = Buffer.from(',');
  const withCommas = (pieces: Buffer[] = []) =>
    pieces.flatMap((piece, index) => (index === 0 ? [piece] : [comma, piece]));
  const resources = [...rows.keys()].filter((resource) => resource !== null).sort();
  const pieces = [
    Buffer.concat([Buffer.from('{"board":'), json, Buffer.from(',"items":[')]),
    ...withCommas(rows.get(null)),
    Buffer.concat([Buffer.from('],"members":['), members, Buffer.from(']')]),
    ...resources.flatMap((resource, index) => [
      Buffer.from(`${index === 0 ? ',"tables":{' : '],'}${JSON.stringify(resource)}:[`),
      ...withCommas(rows.get(resource)),
    ]),
    Buffer.from(`${resources.length > 0 ? ']}' : ''},"cursor":"${formatCursor({ epoch, boardId }, seq)}"}`),
  ];
  return { seq, epoch, pieces, bytes: pieces.reduce((sum, piece) => sum + piece.length, 0) };
}
