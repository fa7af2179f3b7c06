// What the application beside this server does for its users: PUT /users, and DELETE /users/:id/streams.

import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { Type } from 'typebox';
import { emptyResponse, FAULT, uuidInput } from '../http/schemas.ts';
import { notFound } from '../problems/problem.ts';
import { assertApplication } from './application-token.ts';
import { MAX_SUBJECT_LENGTH } from './jwt-verifier.ts';
import { Name } from './user.ts';

const common = { tags: ['Application'], security: [{ session: [] }] };

/** A part of who one is at the application: what a table can hold. */
const part = (description: string) =>
  Type.String({
    minLength: 1,
    maxLength: MAX_SUBJECT_LENGTH,
    pattern: '^[^\\u0000]+$',
    [FAULT]: 'must be a text without NUL',
    description,
  });

export const applicationRoutes: FastifyPluginAsyncTypebox = async (app) => {
  app.addHook('onRequest', app.requireCaller);
  // Behind what every route refuses, and before the body is read.
  app.addHook('preParsing', async ({ caller }) => assertApplication(caller));

  app.put(
    '/users',
    {
      schema: {
        ...common,
        operationId: 'putUser',
        summary: 'Make a user of the application, or name one anew',
        description:
          'For a token of the application (`teamboard token --application`). The user is there then before coming by ' +
          'a JWT, a cookie or a question to the application, and can be put on boards. Done twice it is done once.',
        body: Type.Object(
          {
            issuer: part(
              '`iss` of the JWTs; `application` where the application is asked (`AUTH_URL`), `rails` for its cookie.',
            ),
            subject: part('`sub` of the JWTs: the user’s id at the application, as text.'),
            name: Type.Optional(Name),
          },
          {
            additionalProperties: false,
            examples: [{ issuer: 'https://app.example', subject: 'user-17', name: 'Ada' }],
          },
        ),
        problems: ['TB_FORBIDDEN'],
        response: { 200: Type.Object({ user: Type.Ref('User') }) },
      },
    },
    async ({ body: { issuer, subject, name } }) => ({
      user: await app.putUser({ issuer, subject, name: name?.trim() }),
    }),
  );

  app.delete(
    '/users/:id/streams',
    {
      schema: {
        ...common,
        operationId: 'endStreams',
        summary: 'End all streams of a user, on every node',
        description:
          'For a token of the application, when somebody has signed out of it. Each stream gets `close` (`revoked`) ' +
          'within a second, and the tickets of the user end. Who is still let in by what they carry may come back.',
        params: Type.Object({ id: uuidInput('The `id` of the user here.') }),
        problems: ['TB_FORBIDDEN'],
        response: { 204: emptyResponse('They end.') },
      },
    },
    async (request, reply) => {
      if (!(await app.endStreams(request.params.id))) throw notFound();
      return reply.code(204).send(null);
    },
  );
};
