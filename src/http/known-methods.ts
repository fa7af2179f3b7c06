// Which methods an address has, for requests that come with another one.

import type { FastifyInstance } from 'fastify';
import { methodsOf } from './unsafe-methods.ts';

/** @returns the methods of the routes that a path leads to; none when it leads nowhere */
export type MethodsAt = (path: string) => string[];

/** Call before the routes are registered: it collects them as they come. */
export function collectMethods(app: FastifyInstance): MethodsAt {
  const routes = new Map<string, { pattern: RegExp; methods: Set<string> }>();
  app.addHook('onRoute', (route) => {
    // What is found by a wildcard is no address that somebody would send something to.
    if (route.url.includes('*')) return;
    const pattern = new RegExp(`^${route.url.replaceAll('.', '\\.').replaceAll(/:\w+/g, '[^/]+')}$`);
    const known = routes.get(route.url) ?? { pattern, methods: new Set() };
    for (const method of methodsOf(route)) known.methods.add(method);
    routes.set(route.url, known);
  });
  return (path) => [
    ...new Set([...routes.values()].flatMap(({ pattern, methods }) => (pattern.test(path) ? [...methods] : []))),
  ];
}
