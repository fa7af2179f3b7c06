// What the frames of a stream carry, as the document names it.

import { type Static, Type } from 'typebox';
import { CursorText, oneOf, Uuid } from '../../http/schemas.ts';
import { closeRules } from './close-reason.ts';

export const resetReasons = ['trimmed', 'ahead', 'epoch', 'malformed', 'gap'] as const;
export type ResetReason = (typeof resetReasons)[number];

const Ready = Type.Object(
  {
    streamId: Type.String({
      format: 'uuid',
      description: 'Names this stream: a write that carries it as `Stream-Id` is told to it as `own`.',
    }),
    boardId: Uuid,
    cursor: Type.String({ description: 'Where the stream starts; when it resumes, the newest event of the board.' }),
    heartbeatSeconds: Type.Number({ description: 'Who hears nothing for three times as long has a dead stream.' }),
    resumedFrom: Type.Optional(Type.String({ description: 'The cursor of the request, when it is continued.' })),
  },
  { $id: 'Ready', description: 'The first event of every stream.' },
);
export type Ready = Static<typeof Ready>;

const key = Type.Optional(
  Type.String({ description: 'As the request names the board, when that is not by its id.', examples: ['shelf:42'] }),
);

const RefusedBoard = Type.Object({
  boardId: Type.String({ description: 'As the request names it: its id, or `~` and its key.' }),
  refused: Type.Union([Type.Literal(404), Type.Literal(429)], {
    description: '404: there is no such board that the caller may see. 429: it has as many streams as it can take now.',
  }),
});
export type RefusedBoard = Static<typeof RefusedBoard>;

const ReadyBoard = Type.Union([
  Type.Object({
    boardId: Uuid,
    key,
    cursor: Type.String({ description: 'Where it starts; when it resumes, the newest event of the board.' }),
    resumedFrom: Type.Optional(Type.String({ description: 'The place that is continued.' })),
  }),
  RefusedBoard,
]);
export type ReadyBoard = Static<typeof ReadyBoard>;

const ManyReady = Type.Object(
  {
    streamId: Type.String({
      format: 'uuid',
      description:
        'Names this stream: a write of any of its boards that carries it as `Stream-Id` is told to it as `own`.',
    }),
    heartbeatSeconds: Type.Number({ description: 'Who hears nothing for three times as long has a dead stream.' }),
    boards: Type.Array(ReadyBoard, { description: 'Each that the request names, in its order.' }),
  },
  { $id: 'ManyReady', description: 'The first event of every stream of many boards.' },
);
export type ManyReady = Static<typeof ManyReady>;

const Own = Type.Object(
  {
    boardId: Uuid,
    seq: Type.Integer({ minimum: 1 }),
    mutationId: Type.Optional(Type.String({ description: 'The `Idempotency-Key` of the write.' })),
  },
  {
    $id: 'Own',
    description: 'In place of `changed`, on the stream that the writer named: its own write is in the log.',
  },
);
export type Own = Omit<Static<typeof Own>, 'mutationId'> & { mutationId: string | undefined };

const Reset = Type.Object(
  { boardId: Uuid, reason: oneOf([...resetReasons]), cursor: CursorText },
  { $id: 'Reset', description: 'The cursor cannot be continued: fetch the board again.' },
);
export type Reset = Static<typeof Reset>;

const Close = Type.Object(
  {
    reason: oneOf(Object.keys(closeRules) as Array<keyof typeof closeRules>),
    retry: Type.Boolean({ description: 'False: the next attempt will be refused.' }),
  },
  { $id: 'Close', description: 'The server ends this stream.' },
);

const BoardClose = Type.Object(
  {
    boardId: Uuid,
    reason: oneOf(Object.keys(closeRules) as Array<keyof typeof closeRules>),
    retry: Type.Boolean({ description: 'False: the next attempt will be refused.' }),
  },
  { $id: 'BoardClose', description: 'The server ends one board of this stream, which goes on with the others.' },
);

const Heartbeat = Type.Object(
  { boardId: Uuid, cursor: CursorText },
  { $id: 'Heartbeat', description: 'The stream lives; `cursor` is the newest event of the board.' },
);
export type Heartbeat = Static<typeof Heartbeat>;

const VectorText = Type.String({
  description: 'Names the places of all boards of the stream. Opaque: hand it back as it came.',
});

/**
 * @param id when the frame has one: it is then a cursor to resume from
 * @param cursor what it is
 */
function frame(event: string, data: string, id: 'always' | 'sometimes' | 'never', cursor = CursorText) {
  return Type.Object({
    event: Type.Literal(event),
    data: Type.Ref(data),
    ...(id === 'always' && { id: cursor }),
    ...(id === 'sometimes' && { id: Type.Optional(cursor) }),
  });
}

const StreamFrame = Type.Union(
  [
    frame('ready', 'Ready', 'sometimes'),
    frame('snapshot', 'Snapshot', 'always'),
    frame('changed', 'BoardEvent', 'always'),
    frame('own', 'Own', 'always'),
    frame('reset', 'Reset', 'always'),
    frame('presence', 'PresenceChange', 'never'),
    frame('broadcast', 'Broadcast', 'never'),
    frame('close', 'Close', 'never'),
    frame('heartbeat', 'Heartbeat', 'never'),
  ],
  {
    $id: 'StreamFrame',
    description:
      'One event of a stream, its `data` parsed. The frames without an `id` leave the last one as it is. `retry:` ' +
      'comes with `ready` and `close`.',
  },
);

const ManyStreamFrame = Type.Union(
  [
    frame('ready', 'ManyReady', 'always', VectorText),
    frame('snapshot', 'Snapshot', 'always', VectorText),
    frame('changed', 'BoardEvent', 'always', VectorText),
    frame('own', 'Own', 'always', VectorText),
    frame('reset', 'Reset', 'always', VectorText),
    frame('presence', 'PresenceChange', 'never'),
    frame('broadcast', 'Broadcast', 'never'),
    frame('close', 'BoardClose', 'never'),
    frame('close', 'Close', 'never'),
    frame('heartbeat', 'Heartbeat', 'never'),
  ],
  {
    $id: 'ManyStreamFrame',
    description:
      'One event of a stream of many boards, its `data` parsed. The frames without an `id` leave the last one as it is. ' +
      '`retry:` comes with `ready` and with the `close` of the stream.',
  },
);

/** The body of a stream: a text, of which OpenAPI 3.1 says nothing event by event, but JSON Schema (8.5) what it holds. */
export const StreamText = Type.String({
  contentMediaType: 'text/event-stream',
  contentSchema: { type: 'array', items: Type.Ref('StreamFrame') },
});

export const ManyStreamText = Type.String({
  contentMediaType: 'text/event-stream',
  contentSchema: { type: 'array', items: Type.Ref('ManyStreamFrame') },
});

/** The named schemas. `Snapshot`, `BoardEvent`, `PresenceChange` and `Broadcast` are those of whoever makes them. */
export const frameSchemas = [Ready, ManyReady, Own, Reset, Close, BoardClose, Heartbeat, StreamFrame, ManyStreamFrame];
