// User-Id: whom a request is meant to be done as.

import type { FastifyRequest } from 'fastify';
import { canonicalUuid } from '../http/uuid.ts';
import { Problem } from '../problems/problem.ts';
import type { Caller } from './caller.ts';

/**
 * All pages of a browser share one cookie: who signs in as somebody else in one of them changes who the others are. What a
 * page has written before is not theirs.
 *
 * @returns the caller
 * @throws Problem TB_OTHER_USER when the request names another user
 */
export function asNamed({ headers }: FastifyRequest, caller: Caller): Caller {
  const named = headers['user-id'];
  if (named === undefined || canonicalUuid(`${named}`) === caller.user.id) return caller;
  const detail =
    'Who is signed in is not the user that `User-Id` names, and nothing was done: sign in as that user, or leave it out.';
  throw new Problem('TB_OTHER_USER', detail);
}
