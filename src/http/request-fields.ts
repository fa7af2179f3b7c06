// What the log says of a request.

import type { FastifyRequest } from 'fastify';

/** What is asked for, and by whom, as far as that is known. */
export function whatOf({ method, routeOptions, callerIfAny }: FastifyRequest) {
  return { method, route: routeOptions.url, userId: callerIfAny?.user.id };
}
