// Owns the one error of the embedded PostgreSQL.

/** The embedded PostgreSQL cannot run; the message is one line that says why and what to do. */
export class EmbeddedPostgresError extends Error {
  override readonly name = 'EmbeddedPostgresError';
}

/** True for a system error (`ENOENT`, …) with one of these codes. */
export function hasCode(error: unknown, ...codes: string[]): boolean {
  return error instanceof Error && 'code' in error && codes.includes(String(error.code));
}
