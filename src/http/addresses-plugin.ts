// What is asked of an address that leads nowhere, or by a method that it does not have.

import type { FastifyInstance } from 'fastify';
import fastifyPlugin from 'fastify-plugin';
import { Problem } from '../problems/problem.ts';
import { createMethodsAt, type MethodsAt, type RouterOptions } from './addresses.ts';
import { sendProblem } from './problem-plugin.ts';
import { hasBasePath } from './public-address.ts';

/** Of the route that @fastify/cors makes, for all addresses. */
const ANYWHERE = '*';

export interface AddressesOptions {
  routerOptions: RouterOptions;
  /** Below which browsers see this server. */
  basePath: string;
}

/**
 * Register before the routes, which it collects as they come; and before whatever refuses a request for what it carries:
 * a wrong address is wrong with any body, and from any page.
 */
export default fastifyPlugin(
  async (app: FastifyInstance, { routerOptions, basePath }: AddressesOptions) => {
    const urls = new Set<string>();
    let methodsAt: MethodsAt | undefined;
    const hasRoute = (method: string, url: string) => app.hasRoute({ method: method as 'GET', url });
    app.addHook('onRoute', ({ url }) => {
      if (url !== ANYWHERE) urls.add(url);
    });
    app.addHook('onRequest', async ({ is404, routeOptions, raw }) => {
      if (is404 || routeOptions.url === ANYWHERE) {
        methodsAt ??= createMethodsAt(urls, hasRoute, routerOptions);
        throw wrongAddress(raw.url ?? '', methodsAt(raw.url ?? ''), basePath);
      }
    });
    // For a route that finds nothing behind its wildcard.
    app.setNotFoundHandler((request, reply) =>
      sendProblem(wrongAddress(request.url, [], basePath), undefined, request, reply),
    );
  },
  { name: 'addresses' },
);

/** @param methods those that the address has */
function wrongAddress(target: string, methods: string[], basePath: string): Problem {
  if (methods.length === 0) {
    if (hasBasePath(target, basePath)) {
      const cure = `the proxy in front has to take ${basePath}, the path of PUBLIC_URL, off before it passes a request on.`;
      return new Problem('TB_NOT_FOUND', `Nothing has this address: ${cure}`);
    }
    return new Problem('TB_NOT_FOUND', 'Nothing has this address: see /docs for those that there are.');
  }
  const allow = methods.join(', ');
  return new Problem('TB_METHOD_NOT_ALLOWED', `Here it is one of ${allow}.`, { headers: { allow } });
}
