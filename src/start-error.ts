// Why a node does not start, in one line where a person can do something about it.

import { ConfigError } from './config/config-error.ts';
import { EmbeddedPostgresError } from './postgres/embedded/embedded-postgres-error.ts';
import { UnsupportedDatabaseError } from './postgres/supported.ts';
import { RedisRefusedError } from './redis/redis-refusal.ts';

/** As Node has it, with the name of the setting where it is not `PORT`. */
type ListenError = NodeJS.ErrnoException & { port?: number; setting?: string };

/** @returns one line that says what is wrong and what to do; the stack of what nobody foresaw */
export function explainStartError(error: unknown): string {
  const explained = [ConfigError, EmbeddedPostgresError, UnsupportedDatabaseError, RedisRefusedError];
  if (error instanceof Error && explained.some((kind) => error instanceof kind)) return error.message;
  const { code, port, message, stack, setting = 'PORT' } = error as ListenError;
  if (code === 'EADDRINUSE') return `port ${port} is taken: stop what listens there, or set ${setting} to another.`;
  if (code === 'EACCES' && port !== undefined)
    return `port ${port} needs more rights: set ${setting} to one above 1023.`;
  if (code === 'EADDRNOTAVAIL' || code === 'ENOTFOUND') return `cannot use an address (${message}): check HOST.`;
  return stack ?? String(error);
}
