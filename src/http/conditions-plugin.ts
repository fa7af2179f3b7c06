// A condition that is sent to where none is held: refused, for to ignore it would be to do what was not to be done.

import type { FastifyInstance, FastifyRequest, RouteOptions } from 'fastify';
import fastifyPlugin from 'fastify-plugin';
import { invalid } from '../problems/problem.ts';
import { documentProblems } from './route-problems.ts';
import { isUnsafe, methodsOf } from './unsafe-methods.ts';

type Condition = 'if-match' | 'if-none-match';

const faults: Record<Condition, string> = {
  'if-match': 'is not for this: nothing that it names has an ETag. (An operation of a batch has `ifMatch`.)',
  'if-none-match': 'is not for this: a write takes only `*`, where something is made, which is not there before.',
};

/**
 * `If-Match` means: only if nobody was here since; `If-None-Match` on a write: only if it is not there, or not as it was
 * (RFC 9110, 13.1). A route that holds one has the header field in its schema. For the others it cannot be held, but for
 * `*` where that is so in any case: what is changed, deleted or read has to be there, and what is made is new. A read
 * that has no ETag may ignore `If-None-Match`, which then matches nothing.
 *
 * Register before the routes, and behind what finds out who is calling.
 */
export default fastifyPlugin(
  async (app: FastifyInstance) => {
    app.addHook('onRoute', (route) => {
      const refused = refusedBy(route);
      if (refused.length === 0) return;
      const makes = '201' in ((route.schema?.response ?? {}) as object);
      const refuse = async ({ method, headers }: FastifyRequest) => {
        for (const name of refused) {
          const value = headers[name];
          if (value === undefined) continue;
          const isKept = name === 'if-match' ? method !== 'POST' : makes;
          if (value.trim() !== '*' || !isKept) throw invalid(`/${name}`, faults[name]);
        }
      };
      route.onRequest = [route.onRequest ?? [], refuse].flat();
      documentProblems(route, 'TB_INVALID');
    });
  },
  { name: 'conditions' },
);

function refusedBy(route: RouteOptions): Condition[] {
  const { properties = {} } = (route.schema?.headers ?? {}) as { properties?: object };
  const unheld: Condition[] = methodsOf(route).some(isUnsafe) ? ['if-match', 'if-none-match'] : ['if-match'];
  return unheld.filter((name) => !(name in properties));
}
