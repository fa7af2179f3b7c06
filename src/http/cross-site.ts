// Whether a page of another site has made the browser send this request.

import { canonicalOrigin, originOfHost } from './origin.ts';

const MAX_SHOWN = 200;

/** What a request says about where it comes from. Browsers set these, and no page can change them. */
export interface Provenance {
  /** `Sec-Fetch-Site`: over TLS and to localhost every browser has sent it since 2023. */
  site: string | undefined;
  /** `Origin`: older browsers send it with whatever changes something, and across origins. */
  origin: string | undefined;
  /** `Host` */
  host: string;
}

export interface TrustedOrigins {
  /** Under which origin browsers reach this server; undefined: that of the request. */
  own: string | undefined;
  /** Others whose pages may do what this server's own pages may. All of them canonical. */
  allowed: ReadonlySet<string>;
}

/**
 * The order of Go's `http.CrossOriginProtection`: the list, then what the browser has concluded itself, then Origin. A
 * request with neither header comes from no browser, and nobody but a browser adds a cookie to what others made it send.
 */
export function isCrossSite({ site, origin, host }: Provenance, { own, allowed }: TrustedOrigins): boolean {
  const known = origin === undefined ? undefined : canonicalOrigin(origin);
  if (known !== undefined && allowed.has(known)) return false;
  if (site !== undefined) return site !== 'same-origin' && site !== 'none';
  if (origin === undefined) return false;
  if (known === undefined) return true;
  // By the scheme of the page: a server behind a proxy does not know that of its own request.
  return known !== own && known !== originOfHost(new URL(known).protocol, host);
}

/**
 * @returns for whoever has found a page refused that is none of another site: what was compared, and what makes the two
 *   the same
 */
export function explainCrossSite({ site, origin, host }: Provenance, { own }: TrustedOrigins): string {
  const page = origin === undefined || origin === 'null' ? 'a page that it does not name' : `a page of ${clip(origin)}`;
  const cure = 'CORS_ORIGINS can allow pages of another site; a token may always.';
  if (site !== undefined) return `The browser says that ${page} sent this, and that it is "${clip(site)}". ${cure}`;
  const names = own === undefined ? `${host} (Host; PUBLIC_URL is not set)` : `${own} (PUBLIC_URL) and ${host} (Host)`;
  return (
    `The browser says that ${page} sent this, and this server goes by ${names}. If it is a page of this server, set ` +
    `PUBLIC_URL to the address that browsers use, or let the proxy in front pass on what they call it (nginx: ` +
    `proxy_set_header Host $http_host). ${cure}`
  );
}

function clip(text: string): string {
  return text.length <= MAX_SHOWN ? text : `${text.slice(0, MAX_SHOWN)}…`;
}
