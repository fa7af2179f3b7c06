// Reads the log straight from PostgreSQL, all the time, so that trimming takes no evidence away.

import { setTimeout as delay } from 'node:timers/promises';
import type { Violations } from '../violations.ts';
import { soakTable } from '../world/published-table.ts';
import type { SteadyClient } from '../world/steady-client.ts';
import type { EventRecord } from './event-record.ts';
import type { Ledger } from './ledger.ts';

const INTERVAL_MS = 250;
const EVENTS_PER_READ = 1000;

/** An event as the contract (`GET /boards/:id/events`) says that it looks, put together without the server's code. */
const readSql = `
  select wanted.board_id as "boardId", log.head::int as head, log.trimmed_to::int as "trimmedTo", events.*
  from unnest($1::uuid[], $2::bigint[]) as wanted (board_id, after)
  join teamboard.board_log log on log.board_id = wanted.board_id
  left join lateral (
    select seq::int, resource, action, coalesce(row_id, resource_id::text) as id, teamboard.whole_object(object, text_value, data_value) as object,
      changes, mutation_id as "mutationId",
      actor_id as "actorId", actor_name as "actorName",
      to_char(at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') as at
    from teamboard.board_events where board_id = wanted.board_id and seq > wanted.after order by seq limit ${EVENTS_PER_READ}
  ) events on true
  order by wanted.board_id, events.seq`;

interface LogRow {
  boardId: string;
  head: number;
  trimmedTo: number;
  /** Null when there is nothing new. */
  seq: number | null;
  resource: string;
  action: string;
  id: string;
  object: string;
  changes: string[] | null;
  mutationId: string | null;
  actorId: string | null;
  actorName: string | null;
  at: string;
}

interface AuditedBoard {
  /** The last event that was read. */
  seq: number;
  head: number;
  trimmedTo: number;
  /** The items that the log makes, by id, as JSON. */
  items: Map<string, string>;
  /** The rows of the published table, likewise. */
  rows: Map<string, string>;
  /** The seqs of the removals of each member, by the user's id. */
  removals: Map<string, number[]>;
  /** The seqs of what cannot be told. */
  untellable: number[];
}

/** No stream can tell it: longer than a frame may be, or with the end of a line in it. */
const isUntellable = (json: string) => json.length > 2 ** 20 || /[\r\n]/.test(json);

interface TrimClaim {
  boardId: string;
  seq: number;
  /** Where what cannot be told would do as well: up to there. */
  upTo?: number;
  by: string;
}

export interface AuditorOptions {
  client: SteadyClient;
  boardIds: string[];
  record: EventRecord;
  ledger: Ledger;
  violations: Violations;
}

export class Auditor {
  readonly #options: AuditorOptions;
  readonly #boards: Map<string, AuditedBoard>;
  readonly #claims: TrimClaim[] = [];
  readonly #gaps: Array<{ boardId: string; after: number; upTo: number; by: string }> = [];
  #isStopped = false;
  #running: Promise<void> | undefined;

  constructor(options: AuditorOptions) {
    this.#options = options;
    this.#boards = new Map(
      options.boardIds.map((boardId) => [
        boardId,
        { seq: 0, head: 0, trimmedTo: 0, items: new Map(), rows: new Map(), removals: new Map(), untellable: [] },
      ]),
    );
  }

  start(): void {
    this.#running ??= this.#run();
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    await this.#running;
  }

  /** The newest event that has been read of the board. */
  head(boardId: string): number {
    return this.#board(boardId).seq;
  }

  trimmedTo(boardId: string): number {
    return this.#board(boardId).trimmedTo;
  }

  /** What the board holds according to its log, by id, as JSON. */
  items(boardId: string): ReadonlyMap<string, string> {
    return this.#board(boardId).items;
  }

  /** What of the published table is on the board according to its log, by id, as JSON. */
  rows(boardId: string): ReadonlyMap<string, string> {
    return this.#board(boardId).rows;
  }

  /** @returns the seq of each event that removes the member, in their order */
  removalsOf(boardId: string, userId: string): readonly number[] {
    return this.#board(boardId).removals.get(userId) ?? [];
  }

  /** A stream says that its place `seq` was trimmed: the next look at the log must agree. */
  claimTrimmed(boardId: string, seq: number, by: string): void {
    this.#claims.push({ boardId, seq, by });
  }

  /** A stream says that something between the two places cannot be told: when the log has been read, one must be there. */
  claimGap(boardId: string, after: number, upTo: number, by: string): void {
    this.#gaps.push({ boardId, after, upTo, by });
  }

  /** A stream says that it cannot go on from its place, and not why: one of the two above must be so. */
  claimLost(boardId: string, after: number, upTo: number, by: string): void {
    this.#claims.push({ boardId, seq: after, upTo, by });
  }

  /** Call when the log has been read to its end. */
  judgeGaps(): void {
    for (const { boardId, after, upTo, by } of this.#gaps.splice(0)) {
      const isThere = this.#board(boardId).untellable.some((seq) => seq > after && seq <= upTo);
      if (!isThere) this.#options.violations.add('`gap` means that an event cannot be told', by);
    }
  }

  /** Reads the log to its end, however long the database takes. */
  async readToEnd(): Promise<void> {
    let more = true;
    while (more) more = await this.#read();
  }

  async #run(): Promise<void> {
    while (!this.#isStopped) {
      const more = await this.#read().catch((error) => {
        // Its connection was ended, while it waited for a database that is away.
        if (this.#isStopped) return false;
        throw error;
      });
      if (!more) await delay(INTERVAL_MS);
    }
  }

  /** @returns true when there may be more */
  async #read(): Promise<boolean> {
    const boardIds = [...this.#boards.keys()];
    const claims = this.#claims.splice(0);
    const rows = await this.#options.client.ask<LogRow>(readSql, [
      boardIds,
      boardIds.map((boardId) => this.#board(boardId).seq),
    ]);
    const before = new Map([...this.#boards].map(([boardId, { seq }]) => [boardId, seq]));
    for (const row of rows) this.#take(row);
    this.#judgeClaims(claims);
    let more = false;
    for (const [boardId, { seq, head }] of this.#boards) {
      if (seq - (before.get(boardId) ?? 0) === EVENTS_PER_READ) more = true;
      else if (seq !== head)
        this.#options.violations.add('the head is the last event', `${boardId}: ${head}, not ${seq}`);
    }
    return more;
  }

  #take(row: LogRow): void {
    const { violations, record, ledger } = this.#options;
    const { boardId, seq, head, trimmedTo } = row;
    const board = this.#board(boardId);
    if (head < board.head || trimmedTo < board.trimmedTo) {
      violations.add(
        'heads only rise',
        `${boardId}: from ${board.head} (${board.trimmedTo}) to ${head} (${trimmedTo})`,
      );
    }
    Object.assign(board, { head, trimmedTo });
    if (seq === null) return;
    if (seq !== board.seq + 1) {
      const how = trimmedTo > board.seq ? 'the auditor came too late' : 'it never was there';
      violations.add('1…head without a hole', `${boardId}: ${seq} follows ${board.seq}; ${how}`);
    }
    board.seq = seq;
    if (isUntellable(row.object)) board.untellable.push(seq);
    record.sawEvent(boardId, seq, toJson(row), 'the auditor');
    if (row.mutationId !== null) ledger.logged(row.mutationId, boardId, seq);
    if (row.resource === 'member' && row.action === 'deleted') {
      board.removals.set(row.id, [...(board.removals.get(row.id) ?? []), seq]);
    }
    const kept = { item: board.items, [soakTable]: board.rows }[row.resource];
    if (row.action === 'deleted') kept?.delete(row.id);
    else kept?.set(row.id, row.object);
  }

  #judgeClaims(claims: TrimClaim[]): void {
    for (const { boardId, seq, upTo, by } of claims) {
      const { trimmedTo } = this.#board(boardId);
      if (trimmedTo > seq) continue;
      if (upTo !== undefined) {
        this.claimGap(boardId, seq, upTo, by);
        continue;
      }
      this.#options.violations.add(
        '`trimmed` means trimmed',
        `${by}: at ${seq}, but the log begins after ${trimmedTo}`,
      );
    }
  }

  #board(boardId: string): AuditedBoard {
    const board = this.#boards.get(boardId);
    if (!board) throw new Error(`the auditor knows no board ${boardId}`);
    return board;
  }
}

function toJson(row: LogRow): string {
  const { seq, boardId, resource, action, id, object, changes, actorId, actorName, mutationId, at } = row;
  const event = JSON.stringify({
    seq,
    boardId,
    resource,
    action,
    id,
    object: null,
    ...(changes && { changes }),
    actor: actorId === null ? null : { id: actorId, name: actorName },
    ...(mutationId !== null && { mutationId }),
    at,
  });
  // As PostgreSQL has it. (No `$` of it means anything to a function.)
  return event.replace('"object":null', () => `"object":${object}`);
}
