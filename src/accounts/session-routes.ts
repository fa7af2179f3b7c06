// /session and /sessions: signing in and out.

import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { Type } from 'typebox';
import { isKnownClient } from '../http/client-address.ts';
import { emptyResponse, jsonResponse, Timestamp } from '../http/schemas.ts';
import { clientOf } from './account-routes.ts';
import { Credentials } from './user.ts';

const tags = ['Accounts'];
const signedIn = { tags, security: [{ session: [] }] };

export const sessionRoutes: FastifyPluginAsyncTypebox = async (app) => {
  const cookie = app.sessionCookie;

  app.post(
    '/session',
    {
      schema: {
        tags,
        operationId: 'signIn',
        summary: 'Sign in',
        description:
          `Sets the cookie \`${cookie.name}\`, always to a new session; the one that came with the request ends. It ends ` +
          'after 30 days without a request, and 90 days after the sign-in.',
        body: Credentials,
        problems: ['TB_WRONG_CREDENTIALS', 'TB_TOO_MANY_ATTEMPTS'],
        response: {
          201: jsonResponse('Signed in.', Type.Object({ user: Type.Ref('User') }), 'Set-Cookie'),
        },
      },
    },
    async (request, reply) => {
      const client = clientOf(request);
      if (isKnownClient(client.address)) await app.addressLimits.signIns.take(client.address);
      const signIn = await app.accounts.signIn(request.body, client);
      return cookie.set(reply.code(201), signIn).send({ user: signIn.user });
    },
  );

  app.get(
    '/session',
    {
      onRequest: app.requireCaller,
      schema: {
        ...signedIn,
        operationId: 'getSession',
        summary: 'Who am I',
        response: {
          200: Type.Object({
            user: Type.Ref('User'),
            expiresAt: Type.Union([Timestamp, Type.Null()], {
              description:
                'The end of the session, or of the token or JWT that was sent; null for a token that never ends.',
            }),
          }),
        },
      },
    },
    async ({ caller: { user, grant } }) => ({ user, expiresAt: grant.expiresAt }),
  );

  app.delete(
    '/session',
    {
      onRequest: app.requireCaller,
      config: { refusesTokens: true },
      schema: {
        ...signedIn,
        operationId: 'signOut',
        summary: 'Sign out',
        response: { 204: emptyResponse('Signed out; the cookie is void.', 'Set-Cookie') },
      },
    },
    async (request, reply) => {
      await app.sessions.end(cookie.secretsOf(request));
      return cookie.clear(reply).code(204).send(null);
    },
  );

  app.delete(
    '/sessions',
    {
      onRequest: app.requireCaller,
      config: { refusesTokens: true },
      schema: {
        ...signedIn,
        operationId: 'signOutEverywhere',
        summary: 'Sign out everywhere',
        description: 'Ends all sessions of the user, this one too. Tokens stay.',
        response: { 204: emptyResponse('Signed out; the cookie is void.', 'Set-Cookie') },
      },
    },
    async (request, reply) => {
      await app.sessions.endAll(request.caller.user.id);
      return cookie.clear(reply).code(204).send(null);
    },
  );
};
