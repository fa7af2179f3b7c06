// What every body, query and path must pass before a handler sees it.

import { Ajv, type Options, type SchemaValidateFunction } from 'ajv';
import addFormats from 'ajv-formats';
import type { FastifyInstance } from 'fastify';
import fastifyPlugin from 'fastify-plugin';
import { escapePointer, invalid } from '../errors.ts';
import { LOWER_CASE } from './schemas.ts';
import { canonicalUuid } from './uuid.ts';

const MAX_DEPTH = 100;

/**
 * Strict schemas (Fastify's own validator drops unknown fields and turns "5" into 5), the media type of merge
 * patches, and a refusal of JSON that passes every schema but that PostgreSQL cannot keep.
 */
export default fastifyPlugin(
  async (app: FastifyInstance) => {
    const body = createAjv({ coerceTypes: false });
    const parameters = createAjv({ coerceTypes: true });
    app.setValidatorCompiler(({ schema, httpPart }) => (httpPart === 'body' ? body : parameters).compile(schema));

    // Fastify reads it as a string, which fits no schema here; and a page of another origin may send it unasked.
    app.removeContentTypeParser('text/plain');
    app.addContentTypeParser(
      'application/merge-patch+json',
      { parseAs: 'string' },
      app.getDefaultJsonParser('error', 'error'),
    );

    app.addHook('preValidation', async (request) => {
      if (request.body !== undefined) refuseUnstorable(request.body, '', 0);
    });
  },
  { name: 'validation' },
);

function createAjv(options: Options): Ajv {
  const ajv = new Ajv({ allErrors: true, removeAdditional: false, useDefaults: true, ...options });
  addFormats.default(ajv);
  // Its own takes `urn:uuid:…` too.
  ajv.addFormat('uuid', (text) => canonicalUuid(text) !== undefined);
  ajv.addKeyword({ keyword: LOWER_CASE, type: 'string', schema: false, modifying: true, validate: toLowerCase });
  return ajv;
}

/** One spelling for whoever compares, and for the database. */
const toLowerCase: SchemaValidateFunction = (text: string, context) => {
  if (context) context.parentData[context.parentDataProperty] = text.toLowerCase();
  return true;
};

/**
 * NUL and lone surrogates are JSON but no PostgreSQL text; 1e400 is JSON, becomes Infinity here and would be stored
 * as null; nesting without end exhausts the stacks of both. All of them answer 400 instead of a failure later.
 */
function refuseUnstorable(value: unknown, path: string, depth: number): void {
  if (depth > MAX_DEPTH) throw invalid(path, `must not be nested more than ${MAX_DEPTH} levels deep`);
  if (typeof value === 'string') {
    if (value.includes('\0')) throw invalid(path, 'must not contain the character U+0000');
    if (!value.isWellFormed()) throw invalid(path, 'must not contain half of a surrogate pair');
  } else if (typeof value === 'number') {
    if (!Number.isFinite(value)) throw invalid(path, 'must be a number that a double can hold');
  } else if (Array.isArray(value)) {
    value.forEach((element, index) => {
      refuseUnstorable(element, `${path}/${index}`, depth + 1);
    });
  } else if (typeof value === 'object' && value !== null) {
    for (const [name, member] of Object.entries(value)) {
      refuseUnstorable(name, path || '/', depth);
      refuseUnstorable(member, `${path}/${escapePointer(name)}`, depth + 1);
    }
  }
}
