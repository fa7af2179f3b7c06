// Origins (RFC 6454), compared by what they name and not by how they are written.

/** A scheme, a host and a port, and no more than the slash that an address bar puts behind them. */
const form = /^https?:\/\/[^\s/?#@\\]+\/?$/i;

/**
 * @returns as a browser writes it: in lower case and Punycode, without the port that its scheme has anyway, IPv6 in its
 *   one form (RFC 5952); and without the dot that a name may end in. Undefined for what is no origin
 */
export function canonicalOrigin(text: string): string | undefined {
  if (!form.test(text) || !URL.canParse(text)) return undefined;
  const { protocol, hostname, port } = new URL(text);
  const name = hostname.replace(/\.$/, '');
  return name === '' ? undefined : `${protocol}//${name}${port && `:${port}`}`;
}

/** @param host as in the header field @param scheme as in a URL: says which port need not be named */
export function originOfHost(scheme: string, host: string): string | undefined {
  return canonicalOrigin(`${scheme}//${host}`);
}
