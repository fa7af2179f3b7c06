// Which methods an address has, for requests that come with another one.

import { METHODS } from 'node:http';
import FindMyWay, { type Config, type HTTPMethod } from 'find-my-way';

/** Not OPTIONS: it is no method of an address, but the question of a browser whether a page may use the others. */
const methodsOfRoutes = METHODS.filter((method) => method !== 'OPTIONS');

/** @returns the methods of the routes that a request target leads to; none when it leads nowhere */
export type MethodsAt = (target: string) => string[];

/** A router may be told how to read a target. */
export type RouterOptions = Pick<Config<never>, 'maxParamLength'>;

/**
 * A second router of the kind that Fastify has, because its own finds a route only by the right method: so a target is
 * read here as it is read there, whatever its spelling.
 *
 * @param urls of all routes, as they were registered
 * @param hasRoute whether there is a route of this method and url
 */
export function createMethodsAt(
  urls: Iterable<string>,
  hasRoute: (method: string, url: string) => boolean,
  options: RouterOptions,
): MethodsAt {
  const router = FindMyWay(options);
  const known = new Set<HTTPMethod>();
  for (const url of urls) {
    for (const method of methodsOfRoutes as HTTPMethod[]) {
      if (!hasRoute(method, url)) continue;
      router.on(method, url, () => {});
      known.add(method);
    }
  }
  const leads = (method: HTTPMethod, target: string) => {
    const found = router.find(method, target);
    // The router takes nothing for a parameter too: `/boards/` is no board.
    return found !== null && !Object.values(found.params).includes('');
  };
  // `OPTIONS *` asks about the server as a whole (RFC 9110, 9.3.7), and the router takes it for `/`.
  return (target) => (target === '*' ? [] : [...known].filter((method) => leads(method, target)));
}
