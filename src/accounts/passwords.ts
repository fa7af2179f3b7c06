// Hashing of passwords: slow on purpose, so few at a time.

import { randomBytes } from 'node:crypto';
import { hash, verify } from '@node-rs/argon2';
import pLimit from 'p-limit';
import { unavailable } from '../problems/problem.ts';

/** argon2id (the package's default) as OWASP advises: 19 MiB, two passes, one lane. */
const parameters = { memoryCost: 19_456, timeCost: 2, parallelism: 1 };
/**
 * Hashes at once: 76 MiB, and the four threads that Node has for such work. Those who sign in have three of them, and
 * strangers who make accounts or passwords never more than the other one.
 */
const SIGN_INS_AT_ONCE = 3;
const NEW_AT_ONCE = 1;
/** Who comes after so many that wait would wait for seconds. */
const MAX_WAITING = 64;
const MAX_NEW_WAITING = 16;

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
export function createPasswords(): Passwords {
  const takeNewTurn = createTurns(NEW_AT_ONCE, MAX_NEW_WAITING);
  const takeSignInTurn = createTurns(SIGN_INS_AT_ONCE, MAX_WAITING);
  // Not made by hashing: that would take each start of a node 30 ms.
  const nobodys = nobodysHash();
  return {
    hash: async (password) => takeNewTurn(() => hash(normalize(password), parameters)),
    verify: async (password, hashed) => {
      const fits = await takeSignInTurn(() => verify(hashed ?? nobodys, normalize(password)));
      return fits && hashed !== undefined;
    },
  };
}

function createTurns(atOnce: number, maxWaiting: number) {
  const turns = pLimit(atOnce);
  return <Result>(work: () => Promise<Result>): Promise<Result> => {
    if (turns.pendingCount >= maxWaiting) {
      throw unavailable('Too many do this at this moment. Try again shortly.');
    }
    return turns(work);
  };
}

/** What {@link Passwords.verify} works on when there is no account: a hash of no password that anybody knows. */
function nobodysHash(): string {
  const { memoryCost, timeCost, parallelism } = parameters;
  const random = (bytes: number) => randomBytes(bytes).toString('base64').replaceAll('=', '');
  return `$argon2id$v=19$m=${memoryCost},t=${timeCost},p=${parallelism}$${random(16)}$${random(32)}`;
}

/** One keyboard writes é as one character and another as two: both are the same password (NIST SP 800-63B, 3.1.1.2). */
function normalize(password: string): string {
  return password.normalize('NFKC');
}
