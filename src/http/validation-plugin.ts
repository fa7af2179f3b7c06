// What every body, query and path must pass before a handler sees it.

import { Ajv, type Options, type SchemaValidateFunction } from 'ajv';
import addFormats from 'ajv-formats';
import type { FastifyInstance } from 'fastify';
import fastifyPlugin from 'fastify-plugin';
import { escapePointer, invalid, type Problem } from '../errors.ts';
import { findInexactNumber } from './exact-numbers.ts';
import { assertPlain, decodeJson } from './json-body.ts';
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

    // Not text/plain, which fits no schema here; and a page of another origin may send it unasked.
    app.removeContentTypeParser(['text/plain', 'application/json']);
    const parse = app.getDefaultJsonParser('error', 'error');
    const types = ['application/json', 'application/merge-patch+json'];
    app.addContentTypeParser(types, { parseAs: 'buffer' }, (request, bytes: Buffer, done) => {
      assertPlain(request.headers);
      const json = decodeJson(bytes);
      parse(request, json, (error, body) => {
        const number = error ? undefined : findInexactNumber(json);
        done(number === undefined ? error : inexact(number), body);
      });
    });

    app.addHook('preValidation', async (request) => {
      const fault = request.body === undefined ? undefined : findUnstorable(request.body, 0);
      if (fault) throw invalid(fault.steps.map((step) => `/${escapePointer(step)}`).join(''), fault.message);
    });
  },
  { name: 'validation' },
);

function inexact(number: string): Problem {
  const shown = number.length > 40 ? `${number.slice(0, 40)}…` : number;
  return invalid('/', `must hold no number that a double cannot keep as it is written, as ${shown}: send it as text`);
}

/** Says the first fault and no more: whoever sends a quarter of a million would make as many errors. */
function createAjv(options: Options): Ajv {
  const ajv = new Ajv({ allErrors: false, removeAdditional: false, useDefaults: true, ...options });
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

interface Unstorable {
  /** From the body to the value. */
  steps: string[];
  message: string;
}

/**
 * NUL and lone surrogates are JSON but no PostgreSQL text; 1e400 is JSON, becomes Infinity here and would be stored
 * as null; nesting without end exhausts the stacks of both. All of them answer 400 instead of a failure later. The way
 * to the fault is put together only where there is one: a body has thousands of values.
 */
function findUnstorable(value: unknown, depth: number): Unstorable | undefined {
  if (depth > MAX_DEPTH) return { steps: [], message: `must not be nested more than ${MAX_DEPTH} levels deep` };
  if (typeof value === 'string') return findUnstorableText(value);
  if (typeof value === 'number') {
    return Number.isFinite(value) ? undefined : { steps: [], message: 'must be a number that a double can hold' };
  }
  if (typeof value !== 'object' || value === null) return undefined;
  for (const [name, member] of Object.entries(value)) {
    const fault = findUnstorableText(name);
    if (fault) return fault;
    const inside = findUnstorable(member, depth + 1);
    if (inside) return { ...inside, steps: [name, ...inside.steps] };
  }
  return undefined;
}

function findUnstorableText(text: string): Unstorable | undefined {
  if (text.includes('\0')) return { steps: [], message: 'must not contain the character U+0000' };
  return text.isWellFormed() ? undefined : { steps: [], message: 'must not contain half of a surrogate pair' };
}
