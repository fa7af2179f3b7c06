// What the log says of a request.

import type { FastifyRequest } from 'fastify';
import { addressOf } from './client-address.ts';

/** What is asked for, by whom and from where, as far as that is known. */
export function whatOf(request: FastifyRequest) {
  const { method, routeOptions, callerIfAny } = request;
  return { method, route: routeOptions.url, userId: callerIfAny?.user.id, address: addressOf(request) };
}
