// What an email and a password must be, beyond what a schema can say.

import { invalid } from '../problems/problem.ts';

const MAX_PASSWORD_BYTES = 1024;

// What browsers take for an email (WHATWG HTML, 4.10.5.1.5), with the 64 bytes of RFC 5321 before the @. ASCII only: so
// that upper and lower case are the same thing here, in PostgreSQL and in every mail server.
const label = '[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?';
const emailPattern = new RegExp(`^[a-z0-9.!#$%&'*+/=?^_\`{|}~-]{1,64}@${label}(?:\\.${label})*$`, 'i');

/**
 * @returns the address without the white space around it
 * @throws Problem TB_INVALID
 */
export function readEmail(text: string): string {
  const email = text.trim();
  if (!emailPattern.test(email)) throw invalid('/email', 'must be an email address');
  return email;
}

/**
 * A schema counts characters, of which one may be four bytes. Hashing costs what the bytes are.
 *
 * @param field of the body, for the error, which never repeats the password
 * @throws Problem TB_INVALID
 */
export function checkPasswordSize(field: string, password: string): void {
  if (Buffer.byteLength(password) > MAX_PASSWORD_BYTES) {
    throw invalid(`/${field}`, `must NOT have more than ${MAX_PASSWORD_BYTES} bytes`);
  }
}

/** Two spellings of one account give one key. */
export function emailKey(email: string): string {
  return email.trim().toLowerCase();
}
