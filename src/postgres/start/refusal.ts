// Whether what stands in the way of a connection passes by itself, and what to do where it does not.

import pg from 'pg';
import { isUnavailable } from '../database-problem.ts';
import { UnsupportedDatabaseError } from '../supported.ts';

const PASSWORD = 'check user and password, in which @ : / ? # % are written percent-encoded';

/** By SQLSTATE (PostgreSQL manual, appendix A). */
const cures: Record<string, string> = {
  '28P01': PASSWORD,
  '28000': 'check the user, what pg_hba.conf lets in, and, where it wants TLS, add ?sslmode=verify-full',
  '3D000': 'create the database, or name another',
  '42501': 'let the owner of the database grant it (grant connect on database … to …), or name another role',
  '53100': 'make room on the disk of the database',
};

/** What a pooler says while its server is away. All else that comes as `08P01` is a refusal. */
const passing =
  /(server|cannot|can't) (conn|login has been failing|down)|try again|timeout|no more connections|shut|paus/i;

/** Node's codes for a certificate that it does not trust; OpenSSL's names of them. */
const untrusted = /CERT|SELF_SIGNED|UNABLE_TO_(GET|VERIFY)|INVALID_(CA|PURPOSE)|HOSTNAME_MISMATCH/;

/**
 * @param error of a connection, or of a statement of the start
 * @param setting that has led there
 * @returns one line that says what to do; undefined when the database cannot be reached now, or `error` is none of its
 */
export function refusalOf(error: Error, setting: string): UnsupportedDatabaseError | undefined {
  if (error instanceof UnsupportedDatabaseError) return error;
  const line = describe(error as Error & { code?: string }, setting);
  return line === undefined
    ? undefined
    : new UnsupportedDatabaseError(line.replaceAll(/\s*\n\s*/g, ' '), { cause: error });
}

/** @returns true when there is nothing that answers, or that can answer yet */
export function isUnreachable(error: Error): boolean {
  if (refusalOf(error, '')) return false;
  return isUnavailable(error) || /^timeout expired|establishing an SSL connection/.test(error.message);
}

/** @returns why, also for a name with several addresses, of which none was reached */
export function reasonOf(error: Error): string {
  const { errors, code } = error as AggregateError & { code?: string };
  return error.message || errors?.map(({ message }) => message).join(', ') || String(code);
}

function describe(error: Error & { code?: string }, setting: string): string | undefined {
  const { code = '', message } = error;
  if (error instanceof pg.DatabaseError) {
    if (code === '08P01' ? passing.test(message) : isUnavailable(error) && cures[code] === undefined) return undefined;
    const cure = cures[code];
    return `${setting} is refused: ${message}${cure === undefined ? '.' : `: ${cure}.`}`;
  }
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID') {
    const why = message.replace(/in the cert's list: ?$/, 'in its list of names, which is empty');
    return `${setting} leads to a server whose certificate is for another host (${why}): use a name that it is for, or write sslmode=no-verify, and nobody is checked.`;
  }
  if (untrusted.test(code)) {
    return `${setting} leads to a server whose certificate is not trusted (${message}): name its authority by &sslrootcert=/path/to/ca.pem or NODE_EXTRA_CA_CERTS, or write sslmode=no-verify, and nobody is checked.`;
  }
  if (/SSL|^EPROTO$/.test(code)) return `${setting} leads to a server with which TLS fails (${message}).`;
  if (message.startsWith('The server does not support SSL')) {
    return `${setting} asks for TLS, and the server has none: switch it on there, or write sslmode=disable.`;
  }
  if (message.includes('password must be a ')) {
    return `${setting} has no password, and the server asks for one: postgres://user:password@host/database.`;
  }
  if (message.startsWith('SASL')) return `${setting} is refused: ${message}: ${PASSWORD}.`;
  return undefined;
}
