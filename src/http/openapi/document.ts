// What the schemas of the routes say in words of their own, put into those of OpenAPI.

import type { FastifySchema } from 'fastify';
import type { ProblemCode } from '../../problems/problem-codes.ts';
import { FAULT, LOWER_CASE, OPTIONAL } from '../schemas.ts';
import { commonReferences, commonResponses, problemResponses, type ResponseObject } from './problem-responses.ts';

/** How an operation carries its problems from one step to the next. */
const PROBLEMS = 'x-problems';

interface Operation {
  [PROBLEMS]?: ProblemCode[];
  requestBody?: { required?: boolean; content: Record<string, { schema?: Record<string, unknown> }> };
  responses: Record<string, ResponseObject>;
}

interface Document {
  paths?: Record<string, Record<string, Operation>>;
  components?: { responses?: Record<string, ResponseObject> };
}

/** First step, of one route: what the generator of the document takes from its schema. */
export function describeRoute(schema: FastifySchema = {}): FastifySchema {
  const { problems, querystring, headers, documentedBody, body, security = [], ...rest } = schema;
  return {
    ...rest,
    // Said of each operation, also that it is open to all: tools take silence for an oversight.
    security,
    ...(querystring !== undefined && { querystring: withoutDefaulted(querystring) }),
    ...(headers !== undefined && { headers: withoutDefaulted(headers) }),
    ...(body !== undefined && { body: withoutDefaulted(documentedBody ?? body) }),
    ...(problems && { [PROBLEMS]: problems }),
  } as FastifySchema;
}

/** Second step, of the whole: what the generator has no place for. */
export function completeDocument<Whole extends object>(whole: Whole): Whole {
  const document = whole as Document;
  const shared: Record<string, ResponseObject> = { ...commonResponses };
  document.components = { ...document.components, responses: shared };
  for (const operations of Object.values(document.paths ?? {})) {
    for (const operation of Object.values(operations)) complete(operation, shared);
  }
  forgetKeywords(document);
  return whole;
}

/** Those that only our validator knows. */
function forgetKeywords(value: unknown): void {
  if (typeof value !== 'object' || value === null) return;
  const schema = value as Record<string, unknown>;
  for (const keyword of [LOWER_CASE, FAULT]) delete schema[keyword];
  for (const member of Object.values(schema)) forgetKeywords(member);
}

/** @param shared gets what other operations answer as well: said of each, it is two thirds of the document */
function complete(operation: Operation, shared: Record<string, ResponseObject>): void {
  const { requestBody, responses, [PROBLEMS]: codes = [] } = operation;
  delete operation[PROBLEMS];
  for (const { schema } of Object.values(requestBody?.content ?? {})) {
    if (!requestBody || schema?.[OPTIONAL] === undefined) continue;
    requestBody.required = false;
    if (schema[OPTIONAL] === true) schema.type = ['object', 'null'];
    delete schema[OPTIONAL];
  }
  for (const header of Object.values(responses).flatMap(({ headers = {} }) => Object.values(headers))) {
    const schema = header.schema as Record<string, unknown>;
    header.required = schema[OPTIONAL] !== true;
    delete schema[OPTIONAL];
  }
  operation.responses = { ...commonReferences };
  const refusals = problemResponses(codes);
  for (const [status, { name, response }] of Object.entries(refusals)) {
    if (status in responses) continue;
    shared[name] = response;
    operation.responses[status] = { $ref: `#/components/responses/${name}` };
  }
  for (const [status, response] of Object.entries(responses)) {
    const content = refusals[status]?.response.content;
    // A readiness that says no is no problem, but what is refused before it is asked is one.
    operation.responses[status] =
      content && response.content ? { ...response, content: { ...content, ...response.content } } : response;
  }
}

/** Whoever handles a request has a value for what has a default: so it is `required` there, and may be left out here. */
function withoutDefaulted<Value>(schema: Value): Value {
  if (typeof schema !== 'object' || schema === null) return schema;
  if (Array.isArray(schema)) return schema.map(withoutDefaulted) as Value;
  const copy: Record<string, unknown> = Object.fromEntries(
    Object.entries(schema).map(([name, member]) => [name, withoutDefaulted(member)]),
  );
  const { required, properties } = copy as { required?: unknown; properties?: Record<string, object> };
  if (Array.isArray(required) && properties) {
    const left = required.filter((name) => !('default' in (properties[name] ?? {})));
    if (left.length > 0) copy.required = left;
    else delete copy.required;
  }
  return copy as Value;
}
