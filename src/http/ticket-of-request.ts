// The ticket of a request: what says who is calling where neither header nor cookie can.

import type { FastifyRequest } from 'fastify';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** `?ticket=` opens this route, whose `:id` is a board, or whose `?boards=` names some. Everywhere else it means nothing. */
    takesTickets?: boolean;
  }
}

/** @returns undefined when there is none, or the route takes none; '' for what is none */
export function ticketOf({ routeOptions, query }: Pick<FastifyRequest, 'routeOptions' | 'query'>): string | undefined {
  if (!routeOptions.config.takesTickets) return undefined;
  const { ticket } = query as { ticket?: unknown };
  if (ticket === undefined) return undefined;
  return typeof ticket === 'string' ? ticket : '';
}

/** Takes the query, which has been read, out of the address: warnings of Fastify's write that into the log. */
export function forgetTicket({ raw }: Pick<FastifyRequest, 'raw'>): void {
  raw.url = raw.url?.replace(/\?.*/s, '');
}
