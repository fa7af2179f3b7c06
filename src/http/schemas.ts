// The parts that many schemas are made of.

import { type TSchema, Type } from 'typebox';

/** A keyword of schemas of what comes in: its value goes on in lower case. */
export const LOWER_CASE = 'x-lower-case';

/** As answers tell it: in lower case. */
export const Uuid = Type.String({ format: 'uuid' });
/** In a path, query, header or body: a handler gets it in lower case, see `validation-plugin.ts`. */
export const uuidInput = (description?: string) =>
  Type.String({ format: 'uuid', [LOWER_CASE]: true, ...(description !== undefined && { description }) });
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

/** `application/problem+json` (RFC 9457), the body of every error. */
export const ProblemBody = Type.Object(
  {
    type: Type.String(),
    title: Type.String(),
    status: Type.Integer(),
    detail: Type.String({ description: 'What is wrong with this request and what to do about it.' }),
    code: Type.String({ pattern: '^TB_[A-Z_]+$', description: 'Stable: programs may depend on it.' }),
    errors: Type.Optional(
      Type.Array(Type.Object({ path: Type.String(), message: Type.String() }), { description: 'For bad input.' }),
    ),
  },
  { $id: 'Problem' },
);

/** The answers that a route may give besides its own, for its `response` schema. */
export function problemResponses<Status extends number>(...statuses: Status[]) {
  const response = {
    description: 'See `code` and `detail`.',
    content: { 'application/problem+json': { schema: Type.Ref('Problem') } },
  };
  return Object.fromEntries(statuses.map((status) => [status, response])) as Record<Status, typeof response>;
}

const documentedHeaders = {
  ETag: Type.String({ description: 'Of this state, quoted.' }),
  Location: Type.String({ description: 'Of what was made.' }),
  'Idempotent-Replayed': Type.Literal('true', {
    description: 'Only when this repeats an earlier answer: nothing was written now.',
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

/** A page of a list that is read by keyset. */
export const pageLimit = (fallback: number, maximum: number) =>
  Type.Integer({ minimum: 1, maximum, default: fallback });
