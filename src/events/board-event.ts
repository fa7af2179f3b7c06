// A committed row of a board's log, as the API shows it.

import { type Static, Type } from 'typebox';
import { oneOf, Timestamp, Uuid } from '../http/schemas.ts';

/** What the log of a board tells of, and the schema of each. */
const objects = { board: 'Board', item: 'Item', member: 'Member' } as const;
type Resource = keyof typeof objects;
const resources = Object.keys(objects) as Resource[];
const changeName = (resource: Resource) => `${objects[resource]}Change`;

function changeOf(resource: Resource) {
  return Type.Object(
    {
      seq: Type.Integer({ minimum: 1, description: 'Place in the log of the board, from 1, without a gap.' }),
      boardId: Uuid,
      resource: Type.Literal(resource),
      action: oneOf(['created', 'updated', 'deleted']),
      id: Type.String({ format: 'uuid', description: 'Of the board, of the item, or of the user who is the member.' }),
      object: Type.Ref(objects[resource]),
      changes: Type.Optional(Type.Array(Type.String(), { description: 'The fields that an update changed.' })),
      actor: Type.Union([Type.Object({ id: Uuid, name: Type.String() }), Type.Null()], {
        description: 'Who did it; null for a writer that is no user.',
      }),
      mutationId: Type.Optional(Type.String({ description: 'The `Idempotency-Key` of the request that did it.' })),
      at: Timestamp,
    },
    {
      $id: changeName(resource),
      description: '`object` is the whole resource after the change; before it, for `deleted`.',
    },
  );
}

const item = changeOf('item');
const rowChange = Type.Object(
  {
    ...item.properties,
    resource: Type.String({
      not: { enum: resources },
      maxLength: 63,
      description: 'The name that the table was published by.',
    }),
    id: Type.String({ description: 'The primary key as text; of several columns a JSON array of texts.' }),
    object: Type.Object({}, { additionalProperties: true, description: 'Its columns, or `{"tooLarge": true}`.' }),
    changes: Type.Optional(Type.Array(Type.String(), { description: 'The columns that an update changed.' })),
  },
  {
    $id: 'RowChange',
    description: 'Of a row of a published table; `object` is the row after the change, and before it, for `deleted`.',
  },
);

/** The named schemas. Those of the objects are of whoever makes them. */
export const eventSchemas = [
  ...resources.map(changeOf),
  rowChange,
  // Without a discriminator: of rows `resource` is any name.
  Type.Union([...resources.map((resource) => Type.Ref(changeName(resource))), Type.Ref('RowChange')], {
    $id: 'BoardEvent',
    description:
      'A committed change of a board, of what belongs to it, of who is on it, or of a row of a table that an application has published.',
  }),
];

/** What all of them have in common, for whoever does not look into the object. */
export type BoardEvent = Omit<Static<ReturnType<typeof changeOf>>, 'resource' | 'object'> & {
  /** `board`, `item`, `member`, or the name of a published table. */
  resource: string;
  object: Record<string, unknown>;
};

/** A row as `event-log` selects it. */
export interface EventRow {
  boardId: string;
  seq: number;
  resource: BoardEvent['resource'];
  action: BoardEvent['action'];
  resourceId: string;
  /** JSON text, as PostgreSQL has it; null when it cannot be read. */
  object: string | null;
  /** JSON text of an array; null when the event is no update. */
  changes: string | null;
  actorId: string | null;
  actorName: string | null;
  mutationId: string | null;
  at: string | null;
  streamId: string | null;
}

/** An event: what this server goes by, and what it tells of it. */
export interface LogEntry {
  seq: number;
  resource: BoardEvent['resource'];
  action: BoardEvent['action'];
  /** Of the resource. */
  id: string;
  actorId: string | undefined;
  mutationId: string | undefined;
  /** The stream that its writer named as its own; of anyone, checked by nobody yet. */
  streamId: string | undefined;
  /** A {@link BoardEvent} as one line of JSON; undefined when it cannot be told as such. */
  json: string | undefined;
}

export function toLogEntry(row: EventRow): LogEntry {
  return {
    seq: row.seq,
    resource: row.resource,
    action: row.action,
    id: row.resourceId,
    actorId: row.actorId ?? undefined,
    mutationId: row.mutationId ?? undefined,
    streamId: row.streamId ?? undefined,
    json: tell(row),
  };
}

/** When it was committed, by the clock of the database; undefined of one that cannot be told. */
export function timeOf({ json }: LogEntry): number | undefined {
  // As `tell` ends. (A field of its own would be kept for each of them, for one in a batch.)
  const time = Date.parse(json?.slice(-'2026-01-01T00:00:00.000Z"}'.length, -2) ?? '');
  return Number.isNaN(time) ? undefined : time;
}

/** An event of which nothing is known but that it was. */
export function untoldEntry(boardId: string, seq: number): LogEntry {
  return {
    seq,
    resource: 'board',
    action: 'updated',
    id: boardId,
    actorId: undefined,
    mutationId: undefined,
    streamId: undefined,
    json: undefined,
  };
}

/**
 * Same row in, same JSON out: two nodes that read an event send the same bytes. What PostgreSQL has as JSON is taken as
 * it is: parsed and made again, a number might be another one, and deep nesting would throw.
 */
function tell(row: EventRow): string | undefined {
  const { object, at } = row;
  // The log takes any JSON, also with line breaks between its tokens. Each would end a line of the stream.
  if (object === null || at === null || /[\r\n]/.test(object)) return undefined;
  const { seq, boardId, resource, action, resourceId: id, changes, actorId, actorName, mutationId } = row;
  const actor = actorId === null ? null : { id: actorId, name: actorName ?? 'Deleted user' };
  const head = JSON.stringify({ seq, boardId, resource, action, id });
  const tail = JSON.stringify({ actor, ...(mutationId !== null && { mutationId }), at });
  const changed = changes === null ? '' : `"changes":${changes},`;
  return `${head.slice(0, -1)},"object":${object},${changed}${tail.slice(1)}`;
}
