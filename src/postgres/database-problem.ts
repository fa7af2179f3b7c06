// What an error of PostgreSQL, or of the way to it, means to a client.

import { invalid, notFound, Problem, unavailable } from '../problems/problem.ts';

const FOREIGN_KEY_VIOLATION = '23503';
const CHECK_VIOLATION = '23514';

/** Node's error codes of a connection that cannot be made or has broken. */
const connectionErrors = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'EPIPE',
  'ENOENT',
  'ENOTFOUND',
  'EAI_AGAIN',
  'ETIMEDOUT',
  'EHOSTUNREACH',
  'ENETUNREACH',
  // This process, or this machine, has no file descriptor left for another connection.
  'EMFILE',
  'ENFILE',
]);

const SILENT = 'The database does not answer. Try again in a moment.';
const IN_THE_WAY = 'Other writes stood in the way of this one, and nothing was written. Try again in a moment.';
const TOO_LONG = 'This took the database longer than it may, and nothing was written. Try again in a moment.';

/** SQLSTATEs that pass by themselves (PostgreSQL manual, appendix A), and what a client is told of each. */
const passingStates = new Map([
  // read_only_sql_transaction: connected to what is a standby since a failover, or switched by its operator
  ['25006', 'The database takes no writes now. Try again in a moment.'],
  ['40001', IN_THE_WAY], // serialization_failure
  ['40P01', IN_THE_WAY], // deadlock_detected
  ['25P03', TOO_LONG], // idle_in_transaction_session_timeout
  ['25P04', TOO_LONG], // transaction_timeout
  ['53300', 'The database has no connection free. Try again in a moment.'], // too_many_connections
  ['53100', 'The disk of the database is full. Try again when its operator has made room.'], // disk_full
  ['55P03', 'Another write holds what this one needs, and nothing was written. Try again in a moment.'], // lock_timeout
  ['57014', TOO_LONG], // query_canceled: statement_timeout
  ['57P01', SILENT], // admin_shutdown
  ['57P02', SILENT], // crash_shutdown
  ['57P03', SILENT], // cannot_connect_now
  ['57P05', SILENT], // idle_session_timeout
]);

/** Messages of pg and pg-pool, which give these errors no code. */
const connectionMessages =
  /^(Connection terminated|timeout exceeded when trying to connect|Query read timeout|Client has encountered a connection error|Client was closed)/;

/** Faults of the input by the check constraint that sees them: the field, and what it says. */
const faultOfConstraint = new Map([
  ['items_text', { path: '/text', message: 'must NOT have more than 10000 characters' }],
  ['items_x', { path: '/x', message: 'must be finite' }],
  ['items_y', { path: '/y', message: 'must be finite' }],
  ['items_color', { path: '/color', message: 'must be a color of the palette' }],
  ['items_rank', { path: '/rank', message: 'must be a key of fractional indexing of at most 200 characters' }],
  // Also of what a merge patch makes of the data that are there, which no look at the request could tell.
  [
    'items_data',
    {
      path: '/data',
      message: 'must be at most 16 KiB as JSON without blanks, with numbers written out (1e21 has 22 digits)',
    },
  ],
  ['items_data_depth', { path: '/data', message: 'must not be nested more than 99 levels deep' }],
  ['items_data_values', { path: '/data', message: 'holds a number that a double does not keep, or a forbidden name' }],
  ['invites_max_uses', { path: '/maxUses', message: 'must be <= 10000' }],
  ['invites_expires_at', { path: '/expiresInHours', message: 'must be <= 8760' }],
]);

/** Faults that only the whole of the board's members shows, by the constraint that holds them. */
const problemOfConstraint = new Map<string, (message: string) => Problem>([
  ['members_pkey', () => new Problem('TB_ALREADY_MEMBER', 'PATCH the member to change their role.')],
  ['boards_key', keyTaken],
  ['items_pkey', idTaken],
  ['items_id_used_up', idTaken],
  ['members_user_id_fkey', () => invalid('/userId', 'is no user here')],
  ['board_items', limitReached],
  ['board_bytes', limitReached],
  ['board_members', limitReached],
  ['board_invites', limitReached],
  ['board_webhooks', limitReached],
  ['user_boards', limitReached],
  ['user_tokens', limitReached],
  ['members_keep_owner', () => new Problem('TB_LAST_OWNER', 'Make somebody else an owner first, or delete the board.')],
]);

function keyTaken(): Problem {
  return new Problem(
    'TB_KEY_TAKEN',
    'A key is one board’s: open that one by it, where you are a member, or take another.',
    {
      errors: [{ path: '/key', message: 'is the key of another board' }],
    },
  );
}

function idTaken(): Problem {
  return new Problem('TB_ID_TAKEN', 'Look at the item: it may be yours, from an earlier attempt. Else take a new id.', {
    errors: [{ path: '/id', message: 'is, or was, the id of another item of this board' }],
  });
}

/** @param message of the trigger that holds the limit, and names it */
function limitReached(message: string): Problem {
  return new Problem('TB_LIMIT_REACHED', `${message} Delete what is not needed any more.`);
}

/** @returns true when the same statement may succeed later: the database is away, busy or going down */
export function isUnavailable(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  const { code } = error as Error & { code?: unknown };
  if (typeof code !== 'string') return connectionMessages.test(error.message);
  return connectionErrors.has(code) || passingStates.has(code) || code.startsWith('08');
}

/**
 * A connection that breaks while a statement is under way leaves its outcome unknown: the commit may have been written
 * and only the answer lost. The server's own last words (57P01, 57P02) prove nothing either, since a backend that is
 * ended right after its commit says the same.
 *
 * @param error of a statement that commits
 * @returns true when it may have been committed
 */
export function isOutcomeUnknown(error: unknown): boolean {
  const { code, message, syscall } = error as NodeJS.ErrnoException;
  if (code === undefined)
    return /^(Connection terminated(?! due to connection timeout)|Query read timeout|Client has encountered)/.test(
      message,
    );
  if (syscall === 'connect') return false;
  return ['ECONNRESET', 'EPIPE', 'ETIMEDOUT', '57P01', '57P02'].includes(code) || code.startsWith('08');
}

/**
 * @returns true when the statement was undone because of others that ran beside it, and may simply be sent again. Of a
 *   deadlock PostgreSQL ends one side only, and the other goes on.
 */
export function isUndoneByOthers(error: unknown): boolean {
  return ['40001', '40P01'].includes((error as { code?: string }).code ?? '');
}

/** @returns the problem to answer with, or undefined when `error` has nothing to do with the database */
export function asDatabaseProblem(error: unknown): Problem | undefined {
  const { code, constraint } = error as { code?: string; constraint?: string };
  if (isUnavailable(error)) return unavailable(passingStates.get(code ?? '') ?? SILENT, error);
  // The board was deleted between the look at the membership and the end of the statement.
  if (code === FOREIGN_KEY_VIOLATION && constraint?.endsWith('_board_id_fkey')) return notFound();
  if (constraint === undefined) return undefined;
  const fault = code === CHECK_VIOLATION ? faultOfConstraint.get(constraint) : undefined;
  return fault ? invalid(fault.path, fault.message) : problemOfConstraint.get(constraint)?.((error as Error).message);
}
