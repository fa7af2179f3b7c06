// The parts that many schemas are made of.

import { type TSchema, Type } from 'typebox';
import { problemCodes, problemTable } from '../problems/problem-codes.ts';

/** A keyword of schemas of what comes in: its value goes on in lower case. */
export const LOWER_CASE = 'x-lower-case';

/**
 * A keyword of a body that may be left out, which the handler then gets as `{}`: `true` where null says the same, as some
 * clients have it, and `'but not null'` where that could be a mistake that costs something. And of a header field of an
 * answer: `true`.
 */
export const OPTIONAL = 'x-optional';

/** A keyword of schemas of what comes in: what is said of a text that does not fit its `pattern` or `format`. */
export const FAULT = 'x-fault';

/** What one may be called by an application. */
export const KEY_PATTERN = '^[A-Za-z0-9._:-]{1,128}$';
export const BOARD_PATTERN = '^(~[A-Za-z0-9._:-]{1,128}|[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12})$';

/** As answers tell it: in lower case. */
export const Uuid = Type.String({ format: 'uuid' });
/** In a path, query, header or body: a handler gets it in lower case, see `validation-plugin.ts`. */
export const uuidInput = (description?: string) =>
  Type.String({
    format: 'uuid',
    [LOWER_CASE]: true,
    [FAULT]: 'must be a UUID',
    ...(description !== undefined && { description }),
  });
/**
 * A board, in a path or a body: its id, or `~` and its key. A handler gets the id, whichever it is, see
 * `board-names-plugin.ts`: by this pattern that knows where boards are named.
 */
export const boardInput = () =>
  Type.String({
    pattern: BOARD_PATTERN,
    [LOWER_CASE]: true,
    [FAULT]: 'must be a UUID, or ~ and a key',
    description: 'The id of a board, or `~` and its key.',
    examples: ['01970000-0000-7000-8000-0000000000b1'],
  });
export const Timestamp = Type.String({ format: 'date-time', description: 'RFC 3339, UTC, milliseconds.' });
export const CursorText = Type.String({
  description: 'Names a place in the log of one board. Opaque: hand it back as it came.',
  examples: ['5f0c9a3e-42'],
});

/** One of a few words. A union of literals would say "must be equal to constant" once for each of them. */
export const oneOf = <const Words extends string[]>(
  words: readonly [...Words],
  options: { description?: string } = {},
) => Type.Enum(words, { type: 'string', ...options });

export const ProblemCodes = Type.Enum(problemCodes, {
  $id: 'ProblemCode',
  type: 'string',
  description: `Stable: programs may depend on it.\n\n${problemTable}`,
});

/** `application/problem+json` (RFC 9457), the body of every error. */
export const ProblemBody = Type.Object(
  {
    type: Type.String({ format: 'uri', description: 'The code once more, as an identifier and no address.' }),
    title: Type.String({ description: 'What has happened, whoever asked for whatever.' }),
    status: Type.Integer({ minimum: 400, maximum: 599 }),
    detail: Type.String({ description: 'What is wrong with this request and what to do about it.' }),
    code: Type.Ref('ProblemCode'),
    errors: Type.Optional(
      Type.Array(
        Type.Object({
          path: Type.String({ description: 'A JSON pointer into the body, or `/` and the name of a parameter.' }),
          message: Type.String(),
        }),
        { description: 'Which parts of the request are at fault.' },
      ),
    ),
  },
  { $id: 'Problem', description: 'The body of every error (RFC 9457).' },
);

/** Each comes with every such answer, but for those that are {@link OPTIONAL}. */
const documentedHeaders = {
  ETag: Type.String({ description: 'Of this state, quoted.' }),
  Location: Type.String({ description: 'Of what was made.' }),
  'Set-Cookie': Type.String({
    description: 'The session, in the cookie that the security scheme `session` names, or the end of it.',
  }),
  'Idempotent-Replayed': Type.Literal('true', {
    description: 'Only when this repeats an earlier answer: nothing was written now.',
    [OPTIONAL]: true,
  }),
};

/** A JSON answer with header fields that a client needs. */
export function jsonResponse<Schema extends TSchema>(
  description: string,
  schema: Schema,
  ...headers: Array<keyof typeof documentedHeaders>
) {
  return {
    description,
    headers: Object.fromEntries(headers.map((name) => [name, documentedHeaders[name]])),
    content: { 'application/json': { schema } },
  };
}

/** 204, with header fields that a client needs. */
export function emptyResponse(description: string, ...headers: Array<keyof typeof documentedHeaders>) {
  return Type.Null({
    description,
    headers: Object.fromEntries(headers.map((name) => [name, documentedHeaders[name]])),
  });
}

/** The header fields of a read whose answer has an ETag. Malformed, it is as if it were not there: no 400. */
export const ifNoneMatch = Type.Object({
  'if-none-match': Type.Optional(
    Type.String({
      description:
        'ETags of answers that the client has, or `*`. What a proxy that compresses makes of one (`W/"3"`, `"3-gzip"`) ' +
        'is taken for it.',
      examples: ['"3"'],
    }),
  ),
});

/** 304, for the `response` schema of a read whose answer has an ETag. */
export const notModified = emptyResponse('It is what `If-None-Match` names: the client has it.', 'ETag');

/** A page of a list that is read by keyset. */
export const pageLimit = (fallback: number, maximum: number) =>
  Type.Integer({ minimum: 1, maximum, default: fallback });
