// POST /guests, POST /users, PATCH and DELETE /users/me.

import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import type { FastifyRequest } from 'fastify';
import { Type } from 'typebox';
import { clientAddress } from '../http/client-address.ts';
import { emptyResponse, jsonResponse, OPTIONAL } from '../http/schemas.ts';
import type { Client } from './accounts.ts';
import { NewGuest, NewUser, UserDeletion, UserPatch } from './user.ts';

const tags = ['Accounts'];
const userBody = Type.Object({ user: Type.Ref('User') });
const newSession = Type.String({
  description: 'The session that takes the place of the others, when email or password has changed.',
  [OPTIONAL]: true,
});

export interface RenamingOptions {
  /** Called after the change of an account, which may have another name now. */
  onRename: () => void;
}

/** @returns who asks, as far as new accounts and attempts to sign in are concerned */
export function clientOf(request: FastifyRequest): Client {
  return {
    address: clientAddress(request),
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
        operationId: 'createGuest',
        summary: 'Make a guest account and sign in',
        description:
          `Sets the cookie \`${cookie.name}\`. The account lasts as long as the session, unless an email and a password ` +
          '(`PATCH /users/me`) or a token keep it.',
        body: NewGuest,
        problems: ['TB_TOO_MANY_ACCOUNTS'],
        response: { 201: jsonResponse('Made, and signed in.', userBody, 'Set-Cookie') },
      },
    },
    async (request, reply) => {
      const signIn = await app.accounts.signUpGuest(request.body, clientOf(request));
      return cookie.set(reply.code(201), signIn).send({ user: signIn.user });
    },
  );

  app.post(
    '/users',
    {
      schema: {
        tags,
        operationId: 'createUser',
        summary: 'Make an account with email and password, and sign in',
        description: `Sets the cookie \`${cookie.name}\`. Sent again after an answer that was lost, it is 409: sign in then.`,
        body: NewUser,
        problems: ['TB_EMAIL_TAKEN', 'TB_TOO_MANY_ACCOUNTS', 'TB_TOO_MANY_ATTEMPTS'],
        response: { 201: jsonResponse('Made, and signed in.', userBody, 'Set-Cookie') },
      },
    },
    async (request, reply) => {
      const signIn = await app.accounts.signUp(request.body, clientOf(request));
      return cookie.set(reply.code(201), signIn).send({ user: signIn.user });
    },
  );

  app.patch(
    '/users/me',
    {
      onRequest: app.requireCaller,
      config: { refusesTokens: true },
      schema: {
        tags,
        operationId: 'updateAccount',
        summary: 'Change my account',
        description:
          'A guest keeps the account by setting email and password together: same id, same boards. Who has a password ' +
          'sends it as `currentPassword` with a new email or password. New credentials end all sessions of the user; ' +
          'the answer has the cookie of a new one. Tokens stay. A new name is an event of each board that the user is on: ' +
          '`member updated`, `changes` naming `user`. So a name may change once in five seconds, ten times at once after a ' +
          'pause; more is 429 `TB_TOO_MANY_RENAMES`, and changes nothing.',
        security: [{ session: [] }],
        body: UserPatch,
        problems: ['TB_EMAIL_TAKEN', 'TB_WRONG_PASSWORD', 'TB_TOO_MANY_ATTEMPTS', 'TB_TOO_MANY_RENAMES'],
        response: { 200: { ...jsonResponse('Changed.', userBody), headers: { 'Set-Cookie': newSession } } },
      },
    },
    async (request, reply) => {
      const { address } = clientOf(request);
      const changed = await app.accounts.change(request.caller.user, request.body, address);
      options.onRename();
      if ('secret' in changed) cookie.set(reply, changed);
      return reply.send({ user: changed.user });
    },
  );

  app.delete(
    '/users/me',
    {
      onRequest: app.requireCaller,
      config: { refusesTokens: true },
      schema: {
        tags,
        operationId: 'deleteAccount',
        summary: 'Delete my account',
        description:
          'With its sessions, tokens and memberships: their streams end at once, on every node. Boards that nobody else ' +
          'is on are deleted with it. While others are on a board that has no other owner, nothing is deleted: 409 ' +
          '`TB_LAST_OWNER`, whose `errors` name the first 20 of these boards. What the user has done stays in the logs ' +
          'of boards, under the name that it was done by. Who has a password sends it.',
        security: [{ session: [] }],
        body: UserDeletion,
        problems: ['TB_LAST_OWNER', 'TB_WRONG_PASSWORD', 'TB_TOO_MANY_ATTEMPTS'],
        response: {
          204: emptyResponse('Deleted; the cookie is void, and the email is free.', 'Set-Cookie'),
        },
      },
    },
    async (request, reply) => {
      const { address } = clientOf(request);
      await app.accounts.delete(request.caller.user, request.body.currentPassword, address);
      return cookie.clear(reply).code(204).send(null);
    },
  );
};
