// POST /guests, POST /users, PATCH and DELETE /users/me.

import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import type { FastifyRequest } from 'fastify';
import { Type } from 'typebox';
import { clientAddress } from '../http/client-address.ts';
import { problemResponses } from '../http/schemas.ts';
import type { Client } from './accounts.ts';
import { NewGuest, NewUser, UserDeletion, UserPatch } from './user.ts';

const tags = ['Who is calling'];
const userBody = Type.Object({ user: Type.Ref('User') });

export interface AccountRouteOptions {
  /** The header field in which a proxy says who its client is, in lower case. */
  clientAddressHeader: string | undefined;
}

export interface RenamingOptions extends AccountRouteOptions {
  /** Called after the change of an account, which may have another name now. */
  onRename: () => void;
}

/** @returns who asks, as far as new accounts and attempts to sign in are concerned */
export function clientOf(request: FastifyRequest, { clientAddressHeader }: AccountRouteOptions): Client {
  return {
    address: clientAddress(request, clientAddressHeader),
    sessions: request.server.sessionCookie.secretsOf(request),
  };
}

export const accountRoutes: FastifyPluginAsyncTypebox<RenamingOptions> = async (app, options) => {
  const cookie = app.sessionCookie;

  app.post(
    '/guests',
    {
      schema: {
        tags,
        summary: 'Make a guest account and sign in',
        description:
          'Sets the cookie `tb_session`. The account lasts as long as the session, unless an email and a password ' +
          '(`PATCH /users/me`) or a token keep it.',
        body: NewGuest,
        response: { 201: userBody, ...problemResponses(400, 413, 415, 429, 503) },
      },
    },
    async (request, reply) => {
      const signIn = await app.accounts.signUpGuest(request.body, clientOf(request, options));
      return cookie.set(reply.code(201), signIn).send({ user: signIn.user });
    },
  );

  app.post(
    '/users',
    {
      schema: {
        tags,
        summary: 'Make an account with email and password, and sign in',
        description: 'Sets the cookie `tb_session`. Sent again after an answer that was lost, it is 409: sign in then.',
        body: NewUser,
        response: { 201: userBody, ...problemResponses(400, 409, 413, 415, 429, 503) },
      },
    },
    async (request, reply) => {
      const signIn = await app.accounts.signUp(request.body, clientOf(request, options));
      return cookie.set(reply.code(201), signIn).send({ user: signIn.user });
    },
  );

  app.patch(
    '/users/me',
    {
      onRequest: app.requireSession,
      config: { refusesTokens: true },
      schema: {
        tags,
        summary: 'Change my account',
        description:
          'A guest keeps the account by setting email and password together: same id, same boards. Who has a password ' +
          'sends it as `currentPassword` with a new email or password. New credentials end all sessions of the user; ' +
          'the answer has the cookie of a new one. Tokens stay. A new name is an event of each board that the user is on: ' +
          '`member updated`, `changes` naming `user`. So a name may change once in five seconds, ten times at once after a ' +
          'pause; more is 429 `TB_TOO_MANY_RENAMES`, and changes nothing.',
        security: [{ session: [] }],
        body: UserPatch,
        response: { 200: userBody, ...problemResponses(400, 401, 409, 413, 415, 429, 503) },
      },
    },
    async (request, reply) => {
      const { address } = clientOf(request, options);
      const changed = await app.accounts.change(request.session.user, request.body, address);
      options.onRename();
      if ('secret' in changed) cookie.set(reply, changed);
      return reply.send({ user: changed.user });
    },
  );

  app.delete(
    '/users/me',
    {
      onRequest: app.requireSession,
      // Only an object can be checked against a schema, and a guest may send nothing.
      preValidation: async (request) => {
        // But null is a body, and no object.
        if (request.body === undefined) request.body = {};
      },
      config: { refusesTokens: true },
      schema: {
        tags,
        summary: 'Delete my account',
        description:
          'With its sessions, tokens and memberships: their streams end at once, on every node. Boards that nobody else ' +
          'is on are deleted with it. While others are on a board that has no other owner, nothing is deleted: 409 ' +
          '`TB_LAST_OWNER`, whose `errors` name the first 20 of these boards. What the user has done stays in the logs ' +
          'of boards, under the name that it was done by. Who has a password sends it.',
        security: [{ session: [] }],
        body: UserDeletion,
        response: {
          204: Type.Null({ description: 'Deleted; the cookie is void, and the email is free.' }),
          ...problemResponses(400, 401, 409, 413, 415, 429, 503),
        },
      },
    },
    async (request, reply) => {
      const { address } = clientOf(request, options);
      await app.accounts.delete(request.session.user, request.body.currentPassword, address);
      return cookie.clear(reply).code(204).send(null);
    },
  );
};
