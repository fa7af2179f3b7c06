// POST /guests, GET and DELETE /session.

import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { Type } from 'typebox';
import { problemResponses, Timestamp } from '../http/schemas.ts';
import { SESSION_COOKIE } from './accounts-plugin.ts';

/** @param options `secureCookies`: the cookie goes over TLS only */
export const accountRoutes: FastifyPluginAsyncTypebox<{ secureCookies: boolean }> = async (app, { secureCookies }) => {
  const cookie = { path: '/', httpOnly: true, sameSite: 'lax', secure: secureCookies } as const;

  app.post(
    '/guests',
    {
      schema: {
        tags: ['Who is calling'],
        summary: 'Make a guest account and sign in',
        description: 'Sets the cookie `tb_session`. The account lasts as long as the cookie.',
        body: Type.Object(
          { name: Type.String({ minLength: 1, maxLength: 100, pattern: '\\S' }) },
          { additionalProperties: false },
        ),
        response: { 201: Type.Object({ user: Type.Ref('User') }), ...problemResponses(400, 413, 415, 503) },
      },
    },
    async (request, reply) => {
      const { user, token, expiresAt } = await app.accounts.createGuest(request.body.name.trim());
      reply.setCookie(SESSION_COOKIE, token, { ...cookie, expires: new Date(expiresAt) });
      return reply.code(201).send({ user });
    },
  );

  app.get(
    '/session',
    {
      onRequest: app.requireSession,
      schema: {
        tags: ['Who is calling'],
        summary: 'Who am I',
        security: [{ session: [] }],
        response: {
          200: Type.Object({ user: Type.Ref('User'), expiresAt: Timestamp }),
          ...problemResponses(401, 503),
        },
      },
    },
    async (request) => request.session,
  );

  app.delete(
    '/session',
    {
      onRequest: app.requireSession,
      schema: {
        tags: ['Who is calling'],
        summary: 'Sign out',
        security: [{ session: [] }],
        response: { 204: Type.Null({ description: 'Signed out; the cookie is void.' }), ...problemResponses(401, 503) },
      },
    },
    async (request, reply) => {
      await app.accounts.deleteSession(request.cookies[SESSION_COOKIE] ?? '');
      return reply.clearCookie(SESSION_COOKIE, cookie).code(204).send(null);
    },
  );
};
