// Whether a page of another site has made the browser send this request.

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
  /** Under which address browsers reach this server; undefined: that of the request. */
  own: string | undefined;
  /** Others whose pages may do what this server's own pages may. */
  allowed: ReadonlySet<string>;
}

/**
 * The order of Go's `http.CrossOriginProtection`: the list, then what the browser has concluded itself, then Origin. A
 * request with neither header comes from no browser, and nobody but a browser adds a cookie to what others made it send.
 */
export function isCrossSite({ site, origin, host }: Provenance, { own, allowed }: TrustedOrigins): boolean {
  if (origin !== undefined && allowed.has(origin)) return false;
  if (site !== undefined) return site !== 'same-origin' && site !== 'none';
  if (origin === undefined || origin === own) return false;
  // Without the scheme, which a server behind a proxy does not know of its own request.
  return !URL.canParse(origin) || new URL(origin).host !== host.toLowerCase();
}
