// Why a node does not start, in one line where a person can do something about it.

import { ConfigError } from './config-error.ts';
import { EmbeddedPostgresError } from './postgres/embedded/embedded-postgres-error.ts';
import { UnsupportedDatabaseError } from './postgres/supported.ts';

/** @returns one line that says what is wrong and what to do; the stack of what nobody foresaw */
export function explainStartError(error: unknown): string {
  const explained = [ConfigError, EmbeddedPostgresError, UnsupportedDatabaseError];
  if (error instanceof Error && explained.some((kind) => error instanceof kind)) return error.message;
  const { code, port, message, stack } = error as NodeJS.ErrnoException & { port?: number };
  if (code === 'EADDRINUSE') return `port ${port} is taken: stop what listens there, or set PORT to another.`;
  if (code === 'EACCES' && port !== undefined) return `port ${port} needs more rights: set PORT to one above 1023.`;
  if (code === 'EADDRNOTAVAIL' || code === 'ENOTFOUND')
    return `cannot use an address (${message}): check HOST and the URLs.`;
  if (code === 'ECONNREFUSED') return `cannot reach DATABASE_URL (${message}): is PostgreSQL running there?`;
  if (code === '28P01' || code === '28000' || code === '3D000') return `DATABASE_URL is refused: ${message}.`;
  return stack ?? String(error);
}
