// /tokens: personal API tokens.

import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { Type } from 'typebox';
import { notFound } from '../errors.ts';
import { problemResponses, uuidInput } from '../http/schemas.ts';
import { NewToken } from './token.ts';

const common = { tags: ['Who is calling'], security: [{ session: [] }] };

export const tokenRoutes: FastifyPluginAsyncTypebox = async (app) => {
  app.addHook('onRequest', app.requireSession);

  app.post(
    '/tokens',
    {
      config: { refusesTokens: true },
      schema: {
        ...common,
        summary: 'Make a personal API token',
        description:
          'For programs: `Authorization: Bearer tb_…` in place of the cookie. It may do what you may do with boards; ' +
          'it cannot change the account, its sessions and its tokens. More than one may have are 409 `TB_LIMIT_REACHED`.',
        body: NewToken,
        response: {
          201: Type.Object({
            token: Type.Ref('Token'),
            secret: Type.String({ description: 'What the program sends. Shown now and never again.' }),
          }),
          ...problemResponses(400, 401, 409, 413, 415, 503),
        },
      },
    },
    async (request, reply) => {
      const { name, expiresInDays } = request.body;
      const created = await app.tokens.create(request.session.user.id, name.trim(), expiresInDays);
      return reply.code(201).header('cache-control', 'no-store').send(created);
    },
  );

  app.get(
    '/tokens',
    {
      config: { refusesTokens: true },
      schema: {
        ...common,
        summary: 'My tokens, the newest first',
        description: 'Without their secrets, which nobody has but the programs. One that has ended is not shown.',
        response: { 200: Type.Object({ tokens: Type.Array(Type.Ref('Token')) }), ...problemResponses(401, 503) },
      },
    },
    async (request) => ({ tokens: await app.tokens.list(request.session.user.id) }),
  );

  app.delete(
    '/tokens/:id',
    {
      config: { refusesTokens: true },
      schema: {
        ...common,
        summary: 'End a token',
        params: Type.Object({ id: uuidInput() }),
        response: {
          204: Type.Null({ description: 'Ended: it opens nothing from now on.' }),
          ...problemResponses(401, 404, 503),
        },
      },
    },
    async (request, reply) => {
      if (!(await app.tokens.delete(request.session.user.id, request.params.id))) throw notFound();
      return reply.code(204).send(null);
    },
  );
};
