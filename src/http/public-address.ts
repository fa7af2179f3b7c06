// Where browsers reach this server, which may be below a path of the site that it is part of.

import { canonicalOrigin } from './origin.ts';

export interface PublicAddress {
  /** Undefined: that of the request. */
  origin: string | undefined;
  /**
   * `/teamboard`, or nothing: what stands before each path of ours for browsers. The proxy takes it off, and nobody here
   * does: whoever asked for it twice would be past the rules that the proxy has for what is below it.
   */
  basePath: string;
  /** Undefined: by what the request came. */
  overTls: boolean | undefined;
}

/** @param url PUBLIC_URL, without a slash at the end */
export function readPublicAddress(url: string | undefined): PublicAddress {
  if (url === undefined) return { origin: undefined, basePath: '', overTls: undefined };
  const { origin, protocol, pathname } = new URL(url);
  return { origin: canonicalOrigin(origin), basePath: pathname.replace(/\/$/, ''), overTls: protocol === 'https:' };
}

/** The form that a client uses before a proxy (RFC 9112, 3.2.2) has a host in front of the path. */
const beforePath = /^https?:\/\/[^/?#]*/i;

/** @returns whether a request target still has the path that the proxy in front has to take off */
export function hasBasePath(target: string, basePath: string): boolean {
  const path = target.replace(beforePath, '');
  return basePath !== '' && path.startsWith(basePath) && /^(?:[/?]|$)/.test(path.slice(basePath.length));
}
