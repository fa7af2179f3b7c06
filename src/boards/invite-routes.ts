// /boards/:id/invites, /boards/:id/invites/:inviteId, /invites/:token and /invites/:token/accept.

import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { Type } from 'typebox';
import { invalid, notFound, Problem } from '../errors.ts';
import { emptyResponse, jsonResponse, problemResponses, uuidInput } from '../http/schemas.ts';
import { Role } from './board.ts';
import { explainRefusal } from './board-access.ts';
import { type InviteEnd, NewInvite } from './invite.ts';
import { sendWritten, writerHeaders, writerOf } from './writer.ts';

const boardParams = Type.Object({ id: uuidInput() });
const tokenParams = Type.Object({ token: Type.String({ minLength: 1, maxLength: 100 }) });
const ended = 'One that was revoked, has expired or is used up answers 410 `TB_INVITE_ENDED`.';
const common = { tags: ['Boards and items'], security: [{ session: [] }] };

const endings: Record<InviteEnd, string> = {
  revoked: 'It was revoked. Ask an owner of the board for another.',
  expired: 'It has expired. Ask an owner of the board for another.',
  used: 'It has let in as many as it may. Ask an owner of the board for another.',
  unbacked: 'Who made it is no longer an owner of the board. Ask one of the owners for another.',
};

/** @param options `publicUrl`: the address in links; without it, that of the request */
export const inviteRoutes: FastifyPluginAsyncTypebox<{ publicUrl: string | undefined }> = async (
  app,
  { publicUrl },
) => {
  // Before the body is read: who is nobody here sends nothing that is worth parsing.
  app.addHook('onRequest', app.requireSession);

  app.post(
    '/boards/:id/invites',
    {
      schema: {
        ...common,
        summary: 'Make a link that invites to a board',
        description:
          'For owners. The token is in this answer and kept nowhere. A repeat with the same `Idempotency-Key` answers with ' +
          'another link, which leads to the same invite. Invites end when who made them is no longer an owner.',
        params: boardParams,
        headers: writerHeaders,
        body: NewInvite,
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
          ...problemResponses(400, 401, 403, 404, 409, 413, 415, 422, 503),
        },
      },
    },
    async (request, reply) => {
      const writer = writerOf(request);
      // HTTP/1.0 may lack it.
      if (publicUrl === undefined && !request.host) throw invalid('/host', 'is missing: the link is made of it');
      const created = await app.invites.create(writer, request.params.id, request.body);
      if (!created) throw await explainRefusal(app.boards, 'own', writer.userId, request.params.id);
      const base = publicUrl?.replace(/\/$/, '') ?? `${request.protocol}://${request.host}`;
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
        summary: 'The links that invite to a board',
        description: 'For owners. Those that still let somebody in, the newest first.',
        params: boardParams,
        response: {
          200: Type.Object({ invites: Type.Array(Type.Ref('Invite')) }),
          ...problemResponses(401, 403, 404, 503),
        },
      },
    },
    async (request) => {
      const userId = request.session.user.id;
      const invites = await app.invites.list(userId, request.params.id);
      if (!invites) throw await explainRefusal(app.boards, 'own', userId, request.params.id);
      return { invites };
    },
  );

  app.delete(
    '/boards/:id/invites/:inviteId',
    {
      schema: {
        ...common,
        summary: 'Revoke an invite',
        description: 'For owners. Who has come by it stays.',
        params: Type.Object({ id: uuidInput(), inviteId: uuidInput() }),
        headers: writerHeaders,
        response: {
          204: emptyResponse('Revoked, now or before.', 'Idempotent-Replayed'),
          ...problemResponses(400, 401, 403, 404, 422, 503),
        },
      },
    },
    async (request, reply) => {
      const writer = writerOf(request);
      const { id, inviteId } = request.params;
      const revoked = await app.invites.revoke(writer, id, inviteId);
      if (!revoked) throw await explainRefusal(app.boards, 'own', writer.userId, id);
      return sendWritten(reply, 'invite', revoked);
    },
  );

  app.get(
    '/invites/:token',
    {
      schema: {
        ...common,
        summary: 'What an invite leads to',
        description: `${ended} Not for who has its role already.`,
        params: tokenParams,
        response: {
          200: Type.Object({ invite: Type.Ref('Invitation') }),
          ...problemResponses(401, 404, 410, 503),
        },
      },
    },
    async (request) => {
      const found = await app.invites.find(request.session.user.id, request.params.token);
      if (!found) throw notFound();
      const { end, ...invite } = found;
      if (end) throw new Problem('TB_INVITE_ENDED', endings[end]);
      return { invite };
    },
  );

  app.post(
    '/invites/:token/accept',
    {
      schema: {
        ...common,
        summary: 'Join a board by an invite',
        description:
          `Whoever has the role of the invite, or a higher one, keeps it and uses nothing up: so twice is harmless. ` +
          `${ended}`,
        params: tokenParams,
        headers: writerHeaders,
        response: {
          200: jsonResponse(
            'A member now, or before.',
            Type.Object({ board: Type.Ref('Board'), role: Role }),
            'Idempotent-Replayed',
          ),
          ...problemResponses(400, 401, 404, 409, 410, 422, 503),
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
      throw end ? new Problem('TB_INVITE_ENDED', endings[end]) : notFound();
    },
  );
};
