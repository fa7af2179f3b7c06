// /boards/:id/members and /boards/:id/members/:userId.

import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { Type } from 'typebox';
import { notFound } from '../errors.ts';
import { emptyResponse, jsonResponse, problemResponses, uuidInput } from '../http/schemas.ts';
import { MemberPatch, NewMember } from './board.ts';
import { explainRefusal } from './board-access.ts';
import { sendWritten, writerHeaders, writerOf } from './writer.ts';

const boardParams = Type.Object({ id: uuidInput() });
const memberParams = Type.Object({ id: uuidInput(), userId: uuidInput() });
const memberBody = Type.Object({ member: Type.Ref('Member') });
const lastOwner = 'A board keeps at least one owner: what would take the last one answers 409 `TB_LAST_OWNER`.';
const common = { tags: ['Boards and items'], security: [{ session: [] }] };

export const memberRoutes: FastifyPluginAsyncTypebox = async (app) => {
  // Before the body is read: who is nobody here sends nothing that is worth parsing.
  app.addHook('onRequest', app.requireSession);

  app.get(
    '/boards/:id/members',
    {
      schema: {
        ...common,
        summary: 'Who is on a board',
        params: boardParams,
        response: {
          200: Type.Object({
            members: Type.Array(Type.Ref('Member'), { description: 'In the order in which they joined.' }),
          }),
          ...problemResponses(401, 404, 503),
        },
      },
    },
    async (request) => {
      const members = await app.members.list(request.session.user.id, request.params.id);
      if (!members) throw notFound();
      return { members };
    },
  );

  app.post(
    '/boards/:id/members',
    {
      schema: {
        ...common,
        summary: 'Put somebody on a board',
        description: 'For owners. Somebody who is a member already keeps their role: 409 `TB_ALREADY_MEMBER`.',
        params: boardParams,
        headers: writerHeaders,
        body: NewMember,
        response: {
          201: jsonResponse('A member now.', memberBody, 'Idempotent-Replayed'),
          ...problemResponses(400, 401, 403, 404, 409, 413, 415, 422, 503),
        },
      },
    },
    async (request, reply) => {
      const writer = writerOf(request);
      const { userId, role } = request.body;
      const added = await app.members.add(writer, request.params.id, userId, role);
      if (!added) throw await explainRefusal(app.boards, 'own', writer.userId, request.params.id);
      return sendWritten(reply.code(201), 'member', added);
    },
  );

  app.patch(
    '/boards/:id/members/:userId',
    {
      schema: {
        ...common,
        summary: 'Give a member another role',
        description: `For owners. ${lastOwner}`,
        params: memberParams,
        headers: writerHeaders,
        body: MemberPatch,
        response: {
          200: jsonResponse('The member.', memberBody, 'Idempotent-Replayed'),
          ...problemResponses(400, 401, 403, 404, 409, 413, 415, 422, 503),
        },
      },
    },
    async (request, reply) => {
      const writer = writerOf(request);
      const { id, userId } = request.params;
      const changed = await app.members.changeRole(writer, id, userId, request.body.role);
      if (!changed) throw await explainRefusal(app.boards, 'own', writer.userId, id);
      return sendWritten(reply, 'member', changed);
    },
  );

  app.delete(
    '/boards/:id/members/:userId',
    {
      schema: {
        ...common,
        summary: 'Take somebody off a board, or leave it',
        description: `Owners remove anyone, and everyone may leave. The streams of who goes end. ${lastOwner}`,
        params: memberParams,
        headers: writerHeaders,
        response: {
          204: emptyResponse('Gone.', 'Idempotent-Replayed'),
          ...problemResponses(400, 401, 403, 404, 409, 422, 503),
        },
      },
    },
    async (request, reply) => {
      const writer = writerOf(request);
      const { id, userId } = request.params;
      const removed = await app.members.remove(writer, id, userId);
      if (!removed) throw await explainRefusal(app.boards, 'own', writer.userId, id);
      return sendWritten(reply, 'member', removed);
    },
  );
};
