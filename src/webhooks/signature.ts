// How a receiver knows that what it is told is told by this server: https://www.standardwebhooks.com (version 1).

import { createHmac, randomBytes } from 'node:crypto';

const PREFIX = 'whsec_';
/** The scheme asks for 24 to 64. */
const SECRET_BYTES = 32;

export function newSecret(): string {
  return PREFIX + randomBytes(SECRET_BYTES).toString('base64');
}

export interface Signed {
  /** Without a full stop: it ends there in what is signed. */
  id: string;
  /** In seconds, of this attempt. */
  timestamp: number;
  body: string;
}

/** @param secrets as {@link newSecret} makes them. @returns a signature for each, as `webhook-signature` has them */
export function sign({ id, timestamp, body }: Signed, secrets: string[]): string {
  return secrets
    .map((secret) => {
      const key = Buffer.from(secret.slice(PREFIX.length), 'base64');
      return `v1,${createHmac('sha256', key).update(`${id}.${timestamp}.${body}`).digest('base64')}`;
    })
    .join(' ');
}
