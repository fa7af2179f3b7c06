// A committed row of a board's log, as the API shows it.

import { type Static, Type } from 'typebox';
import { Timestamp, Uuid } from '../http/schemas.ts';

export const BoardEvent = Type.Object(
  {
    seq: Type.Integer({ minimum: 1, description: 'Place in the log of the board, from 1, without a gap.' }),
    boardId: Uuid,
    resource: Type.Union([Type.Literal('board'), Type.Literal('item'), Type.Literal('member')]),
    action: Type.Union([Type.Literal('created'), Type.Literal('updated'), Type.Literal('deleted')]),
    id: Type.String({ format: 'uuid', description: 'Of the board, of the item, or of the user who is the member.' }),
    object: Type.Object(
      {},
      { additionalProperties: true, description: 'The whole resource after the change; before it, for `deleted`.' },
    ),
    changes: Type.Optional(Type.Array(Type.String(), { description: 'The fields that an update changed.' })),
    actor: Type.Union([Type.Object({ id: Uuid, name: Type.String() }), Type.Null()], {
      description: 'Who did it; null for a writer that is no user.',
    }),
    mutationId: Type.Optional(Type.String({ description: 'The `Idempotency-Key` of the request that did it.' })),
    at: Timestamp,
  },
  { $id: 'BoardEvent' },
);
export type BoardEvent = Static<typeof BoardEvent>;

/** A row as `event-log` selects it. */
export interface EventRow {
  boardId: string;
  seq: number;
  resource: BoardEvent['resource'];
  action: BoardEvent['action'];
  resourceId: string;
  object: Record<string, unknown>;
  changes: string[] | null;
  actorId: string | null;
  actorName: string | null;
  mutationId: string | null;
  at: string;
  streamId: string | null;
}

/** An event, and what only this server needs to know of it. */
export interface LogEntry {
  event: BoardEvent;
  /** The stream that its writer named as its own; of anyone, checked by nobody yet. */
  streamId: string | undefined;
}

export function toLogEntry(row: EventRow): LogEntry {
  return { event: toBoardEvent(row), streamId: row.streamId ?? undefined };
}

/** Same row in, same JSON out: two nodes that read an event send the same bytes. */
function toBoardEvent(row: EventRow): BoardEvent {
  return {
    seq: row.seq,
    boardId: row.boardId,
    resource: row.resource,
    action: row.action,
    id: row.resourceId,
    object: row.object,
    ...(row.changes && { changes: row.changes }),
    actor: row.actorId === null ? null : { id: row.actorId, name: row.actorName ?? 'Deleted user' },
    ...(row.mutationId !== null && { mutationId: row.mutationId }),
    at: row.at,
  };
}
