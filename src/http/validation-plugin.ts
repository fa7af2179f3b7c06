// What every body, query and path must pass before a handler sees it.

import { Ajv, type Options, type SchemaValidateFunction } from 'ajv';
import addFormats from 'ajv-formats';
import type { FastifyInstance, FastifySchemaValidationError, RouteOptions } from 'fastify';
import fastifyPlugin from 'fastify-plugin';
import { escapePointer, invalid, type Problem, type ProblemCode } from '../problems/problem.ts';
import { findInexactNumber } from './exact-numbers.ts';
import { assertPlain, decodeJson } from './json-body.ts';
import { type Compiled, onFirstUse } from './on-first-use.ts';
import { documentProblems, isDocumented } from './route-problems.ts';
import { FAULT, LOWER_CASE, OPTIONAL } from './schemas.ts';
import { canonicalUuid } from './uuid.ts';

const MAX_DEPTH = 100;

type Validator = (input: unknown) => true | { error: FastifySchemaValidationError[] };

const bodyValidators: Compiled<unknown, ReturnType<Validator>> = new Map();
const parameterValidators: Compiled<unknown, ReturnType<Validator>> = new Map();

/** Words of a schema that refuse no text. */
const anyText = new Set(['type', 'description', 'examples']);

export interface ValidationOptions {
  /** Of texts, beside those of JSON Schema: for what no pattern can say. */
  formats: Record<string, (text: string) => boolean>;
}

/**
 * Strict schemas (Fastify's own validator drops unknown fields and turns "5" into 5), the media type of merge
 * patches, and a refusal of JSON that passes every schema but that PostgreSQL cannot keep.
 */
export default fastifyPlugin(
  async (app: FastifyInstance, options: ValidationOptions) => {
    const { bodies, parameters } = createValidators(options);
    const bodyValidator = onFirstUse(bodies, bodyValidators);
    const parameterValidator = onFirstUse(parameters, parameterValidators);
    app.setValidatorCompiler(({ schema, httpPart }) =>
      (httpPart === 'body' ? bodyValidator : parameterValidator)(schema as object),
    );

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
      if (isLeftOut(request.body, request.routeOptions.schema?.body)) request.body = {};
      const fault = request.body === undefined ? undefined : findUnstorable(request.body, 0);
      if (fault) throw invalid(fault.steps.map((step) => `/${escapePointer(step)}`).join(''), fault.message);
    });
    app.addHook('onRoute', (route) => {
      if (isDocumented(route)) documentProblems(route, ...refusalsOf(route));
    });
  },
  { name: 'validation' },
);

function isLeftOut(body: unknown, schema: unknown): boolean {
  const optional = (schema as { [OPTIONAL]?: unknown } | undefined)?.[OPTIONAL];
  return optional !== undefined && (body === undefined || (body === null && optional === true));
}

/** @returns what a request of the route is answered that does not fit its schemas */
function refusalsOf({ schema = {} }: RouteOptions): ProblemCode[] {
  const { properties = {} } = (schema.headers ?? {}) as { properties?: Record<string, object> };
  // A field of any text is never at fault.
  const mayBeWrong = Object.values(properties).some((field) => Object.keys(field).some((word) => !anyText.has(word)));
  return [
    ...(schema.body || schema.querystring || mayBeWrong ? (['TB_INVALID'] as const) : []),
    ...(schema.body ? (['TB_TOO_LARGE', 'TB_UNSUPPORTED_MEDIA_TYPE'] as const) : []),
    // An address that names no board can't be told from one that names a board of others.
    ...(schema.params ? (['TB_NOT_FOUND'] as const) : []),
  ];
}

function inexact(number: string): Problem {
  const shown = number.length > 40 ? `${number.slice(0, 40)}…` : number;
  return invalid('/', `must hold no number that a double cannot keep as it is written, as ${shown}: send it as text`);
}

/** @returns what makes the validators of bodies, and those of queries and paths, whose "5" may be a number */
export function createValidators({
  formats,
}: ValidationOptions): Record<'bodies' | 'parameters', (schema: object) => Validator> {
  const compileWith = (ajv: Ajv) => (schema: object) => {
    const validate = ajv.compile(schema);
    return (input: unknown) => validate(input) || { error: (validate.errors ?? []) as FastifySchemaValidationError[] };
  };
  return {
    bodies: compileWith(createAjv({ coerceTypes: false, formats })),
    parameters: compileWith(createAjv({ coerceTypes: true, formats })),
  };
}

/** Says the first fault and no more: whoever sends a quarter of a million would make as many errors. */
function createAjv(options: Options): Ajv {
  // Verbose: each fault comes with the schema that it is of, which may say it in words of its own.
  const ajv = new Ajv({ allErrors: false, removeAdditional: false, useDefaults: true, verbose: true, ...options });
  addFormats.default(ajv);
  // Its own takes `urn:uuid:…` too.
  ajv.addFormat('uuid', (text) => canonicalUuid(text) !== undefined);
  ajv.addKeyword(OPTIONAL);
  ajv.addKeyword({ keyword: FAULT, schemaType: 'string' });
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
