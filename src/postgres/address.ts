// Addresses of PostgreSQL as people write them, and what the driver is to make of them.

import type { ClientConfig } from 'pg';
import { parseIntoClientConfig } from 'pg-connection-string';

/** An address that cannot be used. The message goes on after the name of a setting, and repeats nothing of the address. */
export class AddressError extends Error {
  override readonly name = 'AddressError';
}

const UNREADABLE =
  'cannot be read: it is like postgres://user:password@host:5432/database, and in the user and the password @ is ' +
  'written as %40, : as %3A, / as %2F, ? as %3F, # as %23 and % as %25.';

const sslModes = ['disable', 'allow', 'prefer', 'require', 'verify-ca', 'verify-full', 'no-verify'];

/**
 * @param url as in `DATABASE_URL`
 * @returns where to connect, and as whom. With pg's own `connectionString` the address would win over what is set beside
 *   it, and `?statement_timeout=`, `?max=` or `?binary=` would change what our code relies on
 * @throws AddressError
 */
export function readAddress(url: string): ClientConfig {
  if (!/^postgres(ql)?:\/\//i.test(url)) {
    throw new AddressError('must be an address that starts with postgres:// or postgresql://.');
  }
  if (hasRawPassword(url)) throw new AddressError(UNREADABLE);
  if (namesSeveralHosts(url)) {
    throw new AddressError('names several hosts, and must name one: the primary, or a name that leads to it.');
  }
  const mode = /[?&]sslmode=([^&#]*)/i.exec(url)?.[1];
  if (mode !== undefined && !sslModes.includes(mode)) {
    throw new AddressError(`must have one of ${sslModes.join(', ')} as its sslmode.`);
  }
  try {
    const { host, port, user, password, database, ssl, sslnegotiation, options } = parseIntoClientConfig(
      withoutWeakModes(url),
    );
    return { host, port, user, password, database, ssl, sslnegotiation, options };
  } catch (error) {
    throw new AddressError(explain(error as NodeJS.ErrnoException), { cause: error });
  }
}

/** @returns the same, with startup options after those that the address has: the last one counts */
export function connectionOptions(url: string, options?: string): ClientConfig {
  const address = readAddress(url);
  return { ...address, options: [address.options, options].filter(Boolean).join(' ') };
}

/** @returns where it leads, for people: without user, password and parameters */
export function describeAddress(url: string): string {
  const { host, port, database, user } = readAddress(url);
  const name = database ?? user ?? '';
  if (!host) return name === '' ? 'this machine' : `${name} on this machine`;
  return `${host.includes(':') ? `[${host}]` : host}:${port ?? 5432}${name && `/${name}`}`;
}

/** A `/`, `?` or `#` in the password ends the part of the address in which it stands, and the `@` comes too late. */
function hasRawPassword(url: string): boolean {
  const [, path = '', query = ''] = /^[a-z]+:\/\/[^/?#]*([^?]*)(?:\?(.*))?$/is.exec(url) ?? [];
  const [firstParameter = ''] = query.split('=');
  return url.includes('#') || path.includes('@') || firstParameter.includes('@');
}

function namesSeveralHosts(url: string): boolean {
  const [, authority = ''] = /^[a-z]+:\/\/([^/?#]*)/i.exec(url) ?? [];
  const hosts = authority.slice(authority.lastIndexOf('@') + 1);
  const [, parameter = ''] = /[?&]host=([^&#]*)/i.exec(url) ?? [];
  return /,|%2c/i.test(hosts + parameter);
}

/**
 * pg takes these for `verify-full`, and says on standard error that a later version will not. We mean what it does now:
 * encrypted, by a certificate that is checked.
 */
function withoutWeakModes(url: string): string {
  if (/[?&]uselibpqcompat=true(&|$)/i.test(url)) return url;
  return url.replace(/([?&]sslmode=)(?:allow|prefer|require|verify-ca)(?=&|$)/i, '$1verify-full');
}

function explain({ code, path, message }: NodeJS.ErrnoException): string {
  if (path !== undefined) return `names a file that cannot be read (${code}: ${path}).`;
  // Of `uselibpqcompat=true`, which is pg's.
  if (message.includes('verify-ca')) return 'needs sslrootcert beside sslmode=verify-ca.';
  return UNREADABLE;
}
