// Which problems an operation may answer: said where they are thrown, collected here.

import type { RouteOptions } from 'fastify';
import type { ProblemCode } from '../problems/problem-codes.ts';

declare module 'fastify' {
  interface FastifySchema {
    /** What it refuses besides what the mechanisms around it do; see {@link documentProblems}. */
    problems?: ProblemCode[];
    /** The body as the document has it, where its validator has another form of the same. */
    documentedBody?: object;
  }
}

/** For the onRoute hook of whatever refuses requests of several routes. */
export function documentProblems(route: RouteOptions, ...codes: ProblemCode[]): void {
  route.schema = { ...route.schema, problems: [...(route.schema?.problems ?? []), ...codes] };
}

/** @returns whether the document has this route */
export function isDocumented({ schema }: RouteOptions): boolean {
  return schema !== undefined && schema.hide !== true;
}
