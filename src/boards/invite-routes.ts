// /boards/:id/invites, /boards/:id/invites/:inviteId and /invites/:token/accept.

import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { Type } from 'typebox';
import { readerOf } from '../accounts/caller.ts';
import { boardInput, emptyResponse, jsonResponse, uuidInput } from '../http/schemas.ts';
import { invalid, notFound, Problem } from '../problems/problem.ts';
import { Role } from './board.ts';
import { explainRefusal } from './board-access.ts';
import { endedText, inviteParams, NewInvite, whyEnded } from './invite.ts';
import { writerHeaders, writerOf } from './writer.ts';
import { sendWritten } from './written.ts';

const boardParams = Type.Object({ id: boardInput() });
const common = { tags: ['Members'], security: [{ session: [] }] };

/** @param options `publicUrl`: the address in links; without it, that of the request */
export const inviteRoutes: FastifyPluginAsyncTypebox<{ publicUrl: string | undefined }> = async (
  app,
  { publicUrl },
) => {
  // Before the body is read: who is nobody here sends nothing that is worth parsing.
  app.addHook('onRequest', app.requireCaller);

  app.post(
    '/boards/:id/invites',
    {
      schema: {
        ...common,
        operationId: 'createInvite',
        summary: 'Make a link that invites to a board',
        description:
          'For owners. The token is in this answer and kept nowhere. A repeat with the same `Idempotency-Key` answers with ' +
          'another link, which leads to the same invite. Invites end when who made them is no longer an owner.',
        params: boardParams,
        headers: writerHeaders,
        body: NewInvite,
        problems: ['TB_FORBIDDEN', 'TB_LIMIT_REACHED'],
        response: {
          201: jsonResponse(
            'Made.',
            Type.Object({
              invite: Type.Ref('Invite'),
              token: Type.String({ description: 'The secret in the link.' }),
              url: Type.String({ format: 'uri', description: 'The link to hand out.' }),
            }),
            'Idempotent-Replayed',
          ),
        },
      },
    },
    async (request, reply) => {
      const writer = writerOf(request);
      // HTTP/1.0 may lack it.
      if (publicUrl === undefined && !request.host) throw invalid('/host', 'is missing: the link is made of it');
      const created = await app.invites.create(writer, request.params.id, request.body);
      if (!created) throw await explainRefusal(app.boards, 'own', writer, request.params.id);
      const base = publicUrl ?? `${request.protocol}://${request.host}`;
      const { invite, token, isReplay } = created;
      if (isReplay) reply.header('idempotent-replayed', 'true');
      return reply.code(201).send({ invite, token, url: `${base}/invites/${token}` });
    },
  );

  app.get(
    '/boards/:id/invites',
    {
      schema: {
        ...common,
        operationId: 'listInvites',
        summary: 'The links that invite to a board',
        description: 'For owners. Those that still let somebody in, the newest first.',
        params: boardParams,
        problems: ['TB_FORBIDDEN'],
        response: {
          200: Type.Object({ invites: Type.Array(Type.Ref('Invite')) }),
        },
      },
    },
    async (request) => {
      const userId = request.caller.user.id;
      const invites = await app.invites.list(userId, request.params.id);
      if (!invites) throw await explainRefusal(app.boards, 'own', readerOf(request.caller), request.params.id);
      return { invites };
    },
  );

  app.delete(
    '/boards/:id/invites/:inviteId',
    {
      schema: {
        ...common,
        operationId: 'revokeInvite',
        summary: 'Revoke an invite',
        description: 'For owners. Who has come by it stays.',
        params: Type.Object({ id: boardInput(), inviteId: uuidInput() }),
        headers: writerHeaders,
        problems: ['TB_FORBIDDEN'],
        response: {
          204: emptyResponse('Revoked, now or before.', 'Idempotent-Replayed'),
        },
      },
    },
    async (request, reply) => {
      const writer = writerOf(request);
      const { id, inviteId } = request.params;
      const revoked = await app.invites.revoke(writer, id, inviteId);
      if (!revoked) throw await explainRefusal(app.boards, 'own', writer, id);
      return sendWritten(reply, 'invite', revoked);
    },
  );

  app.post(
    '/invites/:token/accept',
    {
      schema: {
        ...common,
        operationId: 'acceptInvite',
        summary: 'Join a board by an invite',
        description:
          `Whoever has the role of the invite, or a higher one, keeps it and uses nothing up: so twice is harmless. ` +
          `${endedText}`,
        params: inviteParams,
        headers: writerHeaders,
        problems: ['TB_INVITE_ENDED', 'TB_LIMIT_REACHED'],
        response: {
          200: jsonResponse(
            'A member now, or before.',
            Type.Object({ board: Type.Ref('Board'), role: Role }),
            'Idempotent-Replayed',
          ),
        },
      },
    },
    async (request, reply) => {
      const writer = writerOf(request);
      const { token } = request.params;
      const found = await app.invites.find(writer.userId, token);
      if (!found) throw notFound();
      const accepted = await app.invites.accept(writer, found.board.id, token);
      if (accepted) return sendWritten(reply, undefined, accepted);
      // Asked again: it may have ended since.
      const end = (await app.invites.find(writer.userId, token))?.end;
      throw end ? new Problem('TB_INVITE_ENDED', whyEnded[end]) : notFound();
    },
  );
};
