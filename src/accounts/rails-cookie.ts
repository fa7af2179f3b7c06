// The session cookie of Rails ("authenticated encrypted cookie"): who is signed in at an application, as Rails 5.2 to 8 write
// it with the JSON serializer. Ruby's Marshal is not read: whoever can make one runs code where it is read.

import { createDecipheriv, type KeyObject } from 'node:crypto';
import type { RailsSession } from '../config/rails-session.ts';
import { type Identity, isStorable, MAX_SUBJECT_LENGTH } from './jwt-verifier.ts';

/** The issuer of its users in `identities`. */
export const RAILS_ISSUER = 'rails';
/** Devise's, of the scope `user`: `[[17], "<salt>"]`. */
const DEVISE_KEY = 'warden.user.user.key';
const IV_BYTES = 12;
const TAG_BYTES = 16;
/**
 * The cookie of a session has no end of its own, and one that was signed out cannot be told from one that was not: so what
 * it has opened ends after this time at the latest, and the browser comes back with the cookie that it has then.
 */
const BELIEVED_MS = 30 * 60_000;

/** @param value as it stands in the header. @returns undefined for what is no good, or of nobody who is signed in */
export type ReadRailsCookie = (value: string) => Identity | undefined;

/** @param now milliseconds since 1970 */
export function createReadRailsCookie({ cookie, keys }: RailsSession, now: () => number = Date.now): ReadRailsCookie {
  return (value) => {
    const parts = readParts(value);
    if (!parts) return undefined;
    // With each of the keys, also when the first fits: how long it takes says nothing of the secret.
    const texts = keys.map((key) => decrypt(key, parts));
    const text = texts.find((each) => each !== undefined);
    return text === undefined ? undefined : readIdentity(text, `cookie.${cookie}`, now());
  };
}

interface Parts {
  encrypted: Buffer;
  iv: Buffer;
  tag: Buffer;
}

function readParts(value: string): Parts | undefined {
  const [encrypted, iv, tag, ...more] = unescaped(value)
    .split('--')
    .map((part) => Buffer.from(part, 'base64'));
  if (!encrypted || iv?.length !== IV_BYTES || tag?.length !== TAG_BYTES || more.length > 0) return undefined;
  return { encrypted, iv, tag };
}

function unescaped(value: string): string {
  try {
    return decodeURIComponent(value);
  } catch {
    return '';
  }
}

function decrypt(key: KeyObject, { encrypted, iv, tag }: Parts): string | undefined {
  const decipher = createDecipheriv('aes-256-gcm', key, iv, { authTagLength: TAG_BYTES });
  decipher.setAuthTag(tag);
  try {
    return Buffer.concat([decipher.update(encrypted), decipher.final()]).toString('utf8');
  } catch {
    return undefined;
  }
}

/** @param purpose without which a cookie of another name, which holds something else, would be a session */
function readIdentity(text: string, purpose: string, now: number): Identity | undefined {
  const { message, pur, exp } = fieldsOf(fieldsOf(parse(text))._rails);
  if (pur !== purpose || typeof message !== 'string') return undefined;
  const ends = exp === undefined || exp === null ? now + BELIEVED_MS : Date.parse(String(exp));
  // Also of what is no time.
  if (!(ends > now)) return undefined;
  const subject = subjectOf(fieldsOf(parse(Buffer.from(message, 'base64').toString('utf8'))));
  if (subject === undefined) return undefined;
  const expiresAt = new Date(Math.min(ends, now + BELIEVED_MS)).toISOString();
  return { issuer: RAILS_ISSUER, subject, name: undefined, namedAt: new Date(0), expiresAt };
}

/** A number or a text (a UUID) of the application. */
function subjectOf(session: Record<string, unknown>): string | undefined {
  const [devise] = [session[DEVISE_KEY]].flat(2);
  const id = session.user_id ?? devise;
  if (Number.isSafeInteger(id)) return String(id);
  return typeof id === 'string' && id !== '' && id.length <= MAX_SUBJECT_LENGTH && isStorable(id) ? id : undefined;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function fieldsOf(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
}
