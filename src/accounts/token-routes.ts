// /tokens: personal API tokens.

import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { Type } from 'typebox';
import { uuidInput } from '../http/schemas.ts';
import { notFound } from '../problems/problem.ts';
import { NewToken } from './token.ts';

const common = { tags: ['Accounts'], security: [{ session: [] }] };

export const tokenRoutes: FastifyPluginAsyncTypebox = async (app) => {
  app.addHook('onRequest', app.requireCaller);

  app.post(
    '/tokens',
    {
      config: { refusesTokens: true },
      schema: {
        ...common,
        operationId: 'createToken',
        summary: 'Make a personal API token',
        description:
          'For programs: `Authorization: Bearer tb_…` in place of the cookie. It may do what you may do with boards; ' +
          'it cannot change the account, its sessions and its tokens. More than one may have are 409 `TB_LIMIT_REACHED`.',
        body: NewToken,
        problems: ['TB_LIMIT_REACHED'],
        response: {
          201: Type.Object({
            token: Type.Ref('Token'),
            secret: Type.String({ description: 'What the program sends. Shown now and never again.' }),
          }),
        },
      },
    },
    async (request, reply) => {
      const { name, expiresInDays } = request.body;
      const created = await app.tokens.create(request.caller.user.id, name.trim(), expiresInDays);
      return reply.code(201).header('cache-control', 'no-store').send(created);
    },
  );

  app.get(
    '/tokens',
    {
      config: { refusesTokens: true },
      schema: {
        ...common,
        operationId: 'listTokens',
        summary: 'My tokens, the newest first',
        description: 'Without their secrets, which nobody has but the programs. One that has ended is not shown.',
        response: { 200: Type.Object({ tokens: Type.Array(Type.Ref('Token')) }) },
      },
    },
    async (request) => ({ tokens: await app.tokens.list(request.caller.user.id) }),
  );

  app.delete(
    '/tokens/:id',
    {
      config: { refusesTokens: true },
      schema: {
        ...common,
        operationId: 'deleteToken',
        summary: 'End a token',
        params: Type.Object({ id: uuidInput() }),
        response: {
          204: Type.Null({ description: 'Ended: it opens nothing from now on.' }),
        },
      },
    },
    async (request, reply) => {
      if (!(await app.tokens.delete(request.caller.user.id, request.params.id))) throw notFound();
      return reply.code(204).send(null);
    },
  );
};
