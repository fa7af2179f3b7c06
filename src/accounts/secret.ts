// Secrets that stand for a user: handed out once, and kept as a hash from which nobody gets them back.

import { createHash, randomBytes } from 'node:crypto';

/** @returns 256 random bits as 43 characters that a cookie and a header can carry */
export function newSecret(): string {
  return randomBytes(32).toString('base64url');
}

/** SHA-256: nobody can guess 256 bits, so it need not be slow. The database looks it up by equality. */
export function hashSecret(secret: string): Buffer {
  return createHash('sha256').update(secret).digest();
}
