// GET /invites/:token: what a link leads to, for anybody who holds it.

import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { Type } from 'typebox';
import { clientAddress, isKnownClient } from '../http/client-address.ts';
import { notFound, Problem } from '../problems/problem.ts';
import { endedText, inviteParams, whyEnded } from './invite.ts';

export const invitationRoutes: FastifyPluginAsyncTypebox = async (app) => {
  // A link that is opened in a browser leads to the page that says whose board it is.
  app.addHook('onRequest', async (request, reply) => {
    reply.header('vary', 'Accept');
    if (request.type(['application/json', 'text/html']) !== 'text/html') return;
    const { token } = request.params as { token: string };
    return reply.redirect(`/i/${encodeURIComponent(token)}`, 303);
  });
  // The token is the secret: who holds it may know whose board it is before they give a name of their own.
  app.addHook('onRequest', app.allowCaller);

  app.get(
    '/invites/:token',
    {
      schema: {
        tags: ['Members'],
        security: [{}, { session: [] }],
        operationId: 'getInvite',
        summary: 'What an invite leads to',
        description:
          `For anybody who holds the link, signed in or not. ${endedText} Not for who has its role already. A browser that ` +
          'asks for `text/html` is sent on (303) to the page that leads in.',
        params: inviteParams,
        problems: ['TB_INVITE_ENDED', 'TB_TOO_MANY_LOOKUPS'],
        response: {
          200: Type.Object({ invite: Type.Ref('Invitation') }),
        },
      },
    },
    async (request) => {
      const address = clientAddress(request);
      if (!request.callerIfAny && isKnownClient(address)) await app.addressLimits.lookups.take(address);
      const found = await app.invites.find(request.callerIfAny?.user.id, request.params.token);
      if (!found) throw notFound();
      const { end, ...invite } = found;
      if (end) throw new Problem('TB_INVITE_ENDED', whyEnded[end]);
      return { invite };
    },
  );
};
