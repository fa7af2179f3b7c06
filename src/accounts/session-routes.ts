// /session and /sessions: signing in and out.

import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { Type } from 'typebox';
import { problemResponses, Timestamp } from '../http/schemas.ts';
import { type AccountRouteOptions, clientOf } from './account-routes.ts';
import { Credentials } from './user.ts';

const tags = ['Who is calling'];
const signedIn = { tags, security: [{ session: [] }] };

export const sessionRoutes: FastifyPluginAsyncTypebox<AccountRouteOptions> = async (app, options) => {
  const cookie = app.sessionCookie;

  app.post(
    '/session',
    {
      schema: {
        tags,
        summary: 'Sign in',
        description:
          'Sets the cookie `tb_session`, always to a new session; the one that came with the request ends. It ends ' +
          'after 30 days without a request, and 90 days after the sign-in.',
        body: Credentials,
        response: {
          201: Type.Object({ user: Type.Ref('User') }),
          ...problemResponses(400, 401, 413, 415, 429, 503),
        },
      },
    },
    async (request, reply) => {
      const signIn = await app.accounts.signIn(request.body, clientOf(request, options));
      return cookie.set(reply.code(201), signIn).send({ user: signIn.user });
    },
  );

  app.get(
    '/session',
    {
      onRequest: app.requireSession,
      schema: {
        ...signedIn,
        summary: 'Who am I',
        response: {
          200: Type.Object({
            user: Type.Ref('User'),
            expiresAt: Type.Union([Timestamp, Type.Null()], {
              description:
                'The end of the session, or of the token or JWT that was sent; null for a token that never ends.',
            }),
          }),
          ...problemResponses(401, 503),
        },
      },
    },
    async ({ session: { user, expiresAt } }) => ({ user, expiresAt }),
  );

  app.delete(
    '/session',
    {
      onRequest: app.requireSession,
      config: { refusesTokens: true },
      schema: {
        ...signedIn,
        summary: 'Sign out',
        response: { 204: Type.Null({ description: 'Signed out; the cookie is void.' }), ...problemResponses(401, 503) },
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
      onRequest: app.requireSession,
      config: { refusesTokens: true },
      schema: {
        ...signedIn,
        summary: 'Sign out everywhere',
        description: 'Ends all sessions of the user, this one too. Tokens stay.',
        response: { 204: Type.Null({ description: 'Signed out; the cookie is void.' }), ...problemResponses(401, 503) },
      },
    },
    async (request, reply) => {
      await app.sessions.endAll(request.session.user.id);
      return cookie.clear(reply).code(204).send(null);
    },
  );
};
