// The one spelling of an id. PostgreSQL reads a dozen of them, and two of one id would be two boards to a map, a
// channel, a limit or a hash: so what comes in becomes this one before anything goes by it.

const anyCase = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

/** @returns in lower case; undefined for what is none, or one in another form (RFC 9562, 4), like `urn:uuid:…` */
export function canonicalUuid(text: string): string | undefined {
  return anyCase.test(text) ? text.toLowerCase() : undefined;
}
