// Hashing of passwords: slow on purpose, so few at a time.

import { hash, verify } from '@node-rs/argon2';
import pLimit from 'p-limit';
import { unavailable } from '../errors.ts';
import { newSecret } from './secret.ts';

/** argon2id (the package's default) as OWASP advises: 19 MiB, two passes, one lane. */
const parameters = { memoryCost: 19_456, timeCost: 2, parallelism: 1 };
/** Hashes at once: 76 MiB, and the four threads that Node has for such work. */
const AT_ONCE = 4;
/** Who comes after so many that wait would wait for seconds. */
const MAX_WAITING = 64;

export interface Passwords {
  /**
   * @returns a PHC string, which carries its salt and parameters
   * @throws Problem TB_UNAVAILABLE when too many wait for their turn
   */
  hash(password: string): Promise<string>;
  /**
   * Takes as long for an account that does not exist as for a password that is wrong.
   *
   * @param hashed undefined when there is no such account
   * @throws Problem TB_UNAVAILABLE when too many wait for their turn
   */
  verify(password: string, hashed: string | undefined): Promise<boolean>;
}

/** One for a node: it counts the hashes under way. */
export async function createPasswords(): Promise<Passwords> {
  const turns = pLimit(AT_ONCE);
  const takeTurn = <Result>(work: () => Promise<Result>): Promise<Result> => {
    if (turns.pendingCount >= MAX_WAITING) {
      throw unavailable('Too many are signing in at this moment. Try again shortly.');
    }
    return turns(work);
  };
  const nobodys = await hash(newSecret(), parameters);
  return {
    hash: async (password) => takeTurn(() => hash(normalize(password), parameters)),
    verify: async (password, hashed) => {
      const fits = await takeTurn(() => verify(hashed ?? nobodys, normalize(password)));
      return fits && hashed !== undefined;
    },
  };
}

/** One keyboard writes é as one character and another as two: both are the same password (NIST SP 800-63B, 3.1.1.2). */
function normalize(password: string): string {
  return password.normalize('NFKC');
}
