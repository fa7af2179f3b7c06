// The bearer token of a request (RFC 6750, 2.1).

/** @returns undefined when the header is missing or of another scheme; '' when the scheme is all that it says */
export function bearerOf(authorization: string | undefined): string | undefined {
  const match = /^Bearer(?: +(.*))?$/i.exec(authorization ?? '');
  return match ? (match[1] ?? '') : undefined;
}
