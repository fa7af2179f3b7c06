// Where the application is, and going to another of its pages.

import { type ReadonlySignal, signal } from '@preact/signals-core';
import { parseRoute, type Route } from './address.ts';

export interface Router {
  readonly route: ReadonlySignal<Route>;
  /** @param path below the base, with a slash in front */
  go(path: string): void;
  /** @returns what a link to that page names */
  href(path: string): string;
}

/** Follows the address, and the links of the page. @param basePath what stands before each path */
export function createRouter(basePath: string): Router {
  const read = () => parseRoute(location.pathname.slice(basePath.length), location.hash);
  const route = signal<Route>(read());
  const href = (path: string) => basePath + path;
  const go = (path: string) => {
    if (path !== location.pathname.slice(basePath.length) + location.hash) history.pushState(null, '', href(path));
    route.value = read();
    scrollTo(0, 0);
  };
  addEventListener('popstate', () => {
    route.value = read();
  });
  document.addEventListener('click', (event) => {
    if (event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey) return;
    const link = (event.target as Element).closest?.('a[data-route]');
    if (!(link instanceof HTMLAnchorElement)) return;
    event.preventDefault();
    go(link.pathname.slice(basePath.length) + link.hash);
  });
  return { route, go, href };
}
