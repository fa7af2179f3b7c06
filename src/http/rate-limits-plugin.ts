// Limits how often one user writes: every request of somebody who is signed in that changes something.

import type { FastifyInstance, FastifyRequest, RouteOptions } from 'fastify';
import fastifyPlugin from 'fastify-plugin';
import { Problem } from '../problems/problem.ts';
import { BURST_SECONDS, RateLimit } from './rate-limit.ts';
import { documentProblems } from './route-problems.ts';
import { isUnsafe, methodsOf } from './unsafe-methods.ts';

const kinds = {
  writes: { code: 'TB_TOO_MANY_WRITES', advice: 'Write less often, or many items with one request.' },
  broadcasts: { code: 'TB_TOO_MANY_BROADCASTS', advice: 'Broadcast less often: people see some 20 a second.' },
} as const;

declare module 'fastify' {
  interface FastifyInstance {
    /** Counts what a write has cost besides, as so many writes: it is done, and the next ones wait for it. */
    chargeWrites: (userId: string, writes: number) => void;
  }
  interface FastifyContextConfig {
    /** What a request of this route counts as; `writes` unless it says something else. */
    countsAs?: keyof typeof kinds;
    /** How many requests a body that fits the schema counts as, when it is more than one. */
    weigh?: (body: unknown) => number;
  }
}

export interface RateLimitsOptions {
  /** Of one user. */
  writesPerSecond: number;
  broadcastsPerSecond: number;
}

/**
 * Counts one after the user is known and before the body is read, in memory: with n nodes a limit is up to n times as high.
 * A body that asks for more is counted as that, when it has been read and before anything is done for it.
 * Register after the accounts and before the routes.
 *
 * Routes about the account itself (`refusesTokens`) have limits of their own where they need one, such as names. Here they are not
 * counted: whoever has got hold of a user's token or cookie could use up the writes, and so keep the user from signing
 * out or deleting the token.
 */
export default fastifyPlugin(
  async (app: FastifyInstance, { writesPerSecond, broadcastsPerSecond }: RateLimitsOptions) => {
    const limits = { writes: new RateLimit(writesPerSecond), broadcasts: new RateLimit(broadcastsPerSecond) };
    app.decorate('chargeWrites', (userId, writes) => limits.writes.charge(userId, writes));
    app.addHook('onRoute', (route) => {
      if (!isLimited(route)) return;
      const name = route.config?.countsAs ?? 'writes';
      const count = async ({ caller }: FastifyRequest) => {
        const waitMs = limits[name].take(caller.user.id);
        if (waitMs > 0) throw refuse(name, limits[name], waitMs);
      };
      // Behind the hooks of the route and of its plugin: one of them finds out who is calling.
      route.onRequest = [route.onRequest ?? [], count].flat();
      const { weigh } = route.config ?? {};
      if (weigh) {
        const countMore = async ({ caller, body }: FastifyRequest) => {
          const more = weigh(body) - 1;
          const waitMs = more > 0 ? limits[name].take(caller.user.id, more, 1) : 0;
          if (waitMs > 0) throw refuse(name, limits[name], waitMs);
        };
        route.preHandler = [countMore, route.preHandler ?? []].flat();
      }
      documentProblems(route, kinds[name].code);
    });
  },
  { name: 'rate-limits', dependencies: ['accounts'] },
);

function isLimited(route: RouteOptions): boolean {
  const isForUsers = route.schema?.security?.some((way) => 'session' in way) ?? false;
  return isForUsers && !route.config?.refusesTokens && methodsOf(route).some(isUnsafe);
}

/** The fields `RateLimit` and `RateLimit-Policy` are those of draft-ietf-httpapi-ratelimit-headers-10. */
function refuse(name: keyof typeof kinds, { burst }: RateLimit, waitMs: number): Problem {
  const { code, advice } = kinds[name];
  const detail = `You may do this ${burst / BURST_SECONDS} times a second, and ${burst} times at once. ${advice}`;
  const seconds = Math.ceil(waitMs / 1000);
  return new Problem(code, detail, {
    headers: {
      'retry-after': String(seconds),
      ratelimit: `"${name}";r=0;t=${seconds}`,
      'ratelimit-policy': `"${name}";q=${burst};w=${BURST_SECONDS}`,
    },
  });
}
