// How the bodies of answers are written: by the schemas of their routes.

import fastJson, { type Schema } from 'fast-json-stringify';
import type { FastifyInstance } from 'fastify';
import fastifyPlugin from 'fastify-plugin';
import { type Compiled, onFirstUse } from './on-first-use.ts';

const serializers: Compiled<unknown, string> = new Map();

/** What Fastify does by itself, each schema when an answer first needs it. */
export default fastifyPlugin(
  async (app: FastifyInstance) => {
    const serializerOf = onFirstUse((schema: object) => createSerializer(schema, app.getSchemas()), serializers);
    app.setSerializerCompiler(({ schema }) => serializerOf(schema as object));
  },
  { name: 'serialization' },
);

/** @param shared what `schema` may refer to, by `$id` */
export function createSerializer(schema: object, shared: Record<string, unknown>): (body: unknown) => string {
  // Where a schema has several forms, a validator chooses by them. It knows none of our formats and would say so on
  // standard error; what we answer has been checked when it came.
  return fastJson(schema as Schema, { schema: shared as Record<string, Schema>, ajv: { validateFormats: false } });
}
