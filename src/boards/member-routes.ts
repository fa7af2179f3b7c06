// /boards/:id/members and /boards/:id/members/:userId.

import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { Type } from 'typebox';
import { readerOf } from '../accounts/caller.ts';
import { boardInput, emptyResponse, jsonResponse, uuidInput } from '../http/schemas.ts';
import { notFound } from '../problems/problem.ts';
import { MemberPatch, NewMember } from './board.ts';
import { explainRefusal } from './board-access.ts';
import { writerHeaders, writerOf } from './writer.ts';
import { sendWritten } from './written.ts';

const boardParams = Type.Object({ id: boardInput() });
const memberParams = Type.Object({ id: boardInput(), userId: uuidInput() });
const memberBody = Type.Object({ member: Type.Ref('Member') });
const lastOwner = 'A board keeps at least one owner: what would take the last one answers 409 `TB_LAST_OWNER`.';
const common = { tags: ['Members'], security: [{ session: [] }] };

export const memberRoutes: FastifyPluginAsyncTypebox = async (app) => {
  // Before the body is read: who is nobody here sends nothing that is worth parsing.
  app.addHook('onRequest', app.requireCaller);

  app.get(
    '/boards/:id/members',
    {
      schema: {
        ...common,
        operationId: 'listMembers',
        summary: 'Who is on a board',
        params: boardParams,
        response: {
          200: Type.Object({
            members: Type.Array(Type.Ref('Member'), { description: 'In the order in which they joined.' }),
          }),
        },
      },
    },
    async (request) => {
      const members = await app.members.list(readerOf(request.caller), request.params.id);
      if (!members) throw notFound();
      return { members };
    },
  );

  app.post(
    '/boards/:id/members',
    {
      schema: {
        ...common,
        operationId: 'addMember',
        summary: 'Put somebody on a board',
        description: 'For owners. Somebody who is a member already keeps their role: 409 `TB_ALREADY_MEMBER`.',
        params: boardParams,
        headers: writerHeaders,
        body: NewMember,
        problems: ['TB_FORBIDDEN', 'TB_ALREADY_MEMBER', 'TB_LIMIT_REACHED'],
        response: {
          201: jsonResponse('A member now.', memberBody, 'Idempotent-Replayed'),
        },
      },
    },
    async (request, reply) => {
      const writer = writerOf(request);
      const { userId, role } = request.body;
      const added = await app.members.add(writer, request.params.id, userId, role);
      if (!added) throw await explainRefusal(app.boards, 'own', writer, request.params.id);
      return sendWritten(reply.code(201), 'member', added);
    },
  );

  app.patch(
    '/boards/:id/members/:userId',
    {
      schema: {
        ...common,
        operationId: 'updateMember',
        summary: 'Give a member another role',
        description: `For owners. ${lastOwner}`,
        params: memberParams,
        headers: writerHeaders,
        body: MemberPatch,
        problems: ['TB_FORBIDDEN', 'TB_LAST_OWNER'],
        response: {
          200: jsonResponse('The member.', memberBody, 'Idempotent-Replayed'),
        },
      },
    },
    async (request, reply) => {
      const writer = writerOf(request);
      const { id, userId } = request.params;
      const changed = await app.members.changeRole(writer, id, userId, request.body.role);
      if (!changed) throw await explainRefusal(app.boards, 'own', writer, id);
      return sendWritten(reply, 'member', changed);
    },
  );

  app.delete(
    '/boards/:id/members/:userId',
    {
      schema: {
        ...common,
        operationId: 'removeMember',
        summary: 'Take somebody off a board, or leave it',
        description: `Owners remove anyone, and everyone may leave. The streams of who goes end. ${lastOwner}`,
        params: memberParams,
        headers: writerHeaders,
        problems: ['TB_FORBIDDEN', 'TB_LAST_OWNER'],
        response: {
          204: emptyResponse('Gone.', 'Idempotent-Replayed'),
        },
      },
    },
    async (request, reply) => {
      const writer = writerOf(request);
      const { id, userId } = request.params;
      const removed = await app.members.remove(writer, id, userId);
      if (!removed) throw await explainRefusal(app.boards, 'own', writer, id);
      return sendWritten(reply, 'member', removed);
    },
  );
};
