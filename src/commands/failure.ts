// Why a command has not done what it was asked for: one line for people, a code for scripts.

import { ConfigError } from '../config/config-error.ts';
import { AddressError } from '../postgres/address.ts';
import { EmbeddedPostgresError } from '../postgres/embedded/embedded-postgres-error.ts';
import { UnreachableError } from '../postgres/start/connect.ts';
import { UnsupportedDatabaseError } from '../postgres/supported.ts';
import { Problem } from '../problems/problem.ts';
import { RedisRefusedError } from '../redis/redis-refusal.ts';
import { explainStartError } from '../start-error.ts';

/** docs/cli.md explains each. `found`: of a check, that something is not as it should be. */
export const exitCodes = { done: 0, failed: 1, found: 1, usage: 2, missing: 3, unreachable: 4 } as const;

export class CommandFailure extends Error {
  override readonly name = 'CommandFailure';
  readonly code: string;
  readonly exitCode: number;

  /**
   * @param code `TB_…`: stable
   * @param message one line: what is wrong, and what to do
   */
  constructor(code: string, message: string, exitCode: number = exitCodes.failed) {
    super(message);
    this.code = code;
    this.exitCode = exitCode;
  }
}

/** @returns for what was named and is not there */
export function notFound(what: string): CommandFailure {
  return new CommandFailure('TB_NOT_FOUND', what, exitCodes.missing);
}

/** @returns for arguments that cannot be what is meant */
export function wrongUsage(message: string): CommandFailure {
  return new CommandFailure('TB_USAGE', message, exitCodes.usage);
}

/** @returns what any error means to whoever has run the command; the stack of what nobody foresaw */
export function failureOf(error: unknown): CommandFailure {
  if (error instanceof CommandFailure) return error;
  if (error instanceof Problem) return new CommandFailure(error.code, error.message);
  const message = explainStartError(error);
  if (error instanceof ConfigError || error instanceof AddressError) {
    return new CommandFailure('TB_SETTING', error.message, exitCodes.usage);
  }
  if (error instanceof UnsupportedDatabaseError) {
    return new CommandFailure('TB_DATABASE_REFUSES', message, exitCodes.unreachable);
  }
  if (error instanceof UnreachableError) {
    const { setting, address, reason } = error.details;
    const line = `${setting}: PostgreSQL at ${address} cannot be reached (${reason}): start it, or name another.`;
    return new CommandFailure('TB_DATABASE_AWAY', line, exitCodes.unreachable);
  }
  if (error instanceof EmbeddedPostgresError) return new CommandFailure('TB_EMBEDDED_DATABASE', message);
  if (error instanceof RedisRefusedError) {
    return new CommandFailure('TB_REDIS_REFUSES', message, exitCodes.unreachable);
  }
  const { code = '' } = error as NodeJS.ErrnoException;
  if (/^EADDR|^EACCES/.test(code)) return new CommandFailure('TB_CANNOT_LISTEN', message);
  return new CommandFailure('TB_INTERNAL', message);
}
