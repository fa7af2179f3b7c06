// RAILS_SECRET_KEY_BASE and RAILS_COOKIE: by what the session cookie of a Rails application is read.

import { createSecretKey, type KeyObject, pbkdf2Sync } from 'node:crypto';
import { ConfigError } from './config-error.ts';

/** Of Rails' own: it refuses a shorter one. */
const MIN_SECRET_LENGTH = 30;
/** As `ActiveSupport::KeyGenerator` has them for `config.action_dispatch.authenticated_encrypted_cookie_salt`. */
const SALT = 'authenticated encrypted cookie';
const ITERATIONS = 1000;
const KEY_BYTES = 32;

export interface RailsSession {
  /** The name of the cookie, which it is bound to. */
  cookie: string;
  /** As derived with SHA-256 (Rails 7 and later) and with SHA-1, which no log writes out. */
  keys: readonly KeyObject[];
}

/** @throws ConfigError that repeats nothing of the secret */
export function readRailsSession(secret: string | undefined, cookie: string | undefined): RailsSession | undefined {
  if (secret === undefined && cookie === undefined) return undefined;
  if (secret === undefined || cookie === undefined) {
    const [set, missing] =
      secret === undefined ? ['RAILS_COOKIE', 'RAILS_SECRET_KEY_BASE'] : ['RAILS_SECRET_KEY_BASE', 'RAILS_COOKIE'];
    throw new ConfigError(
      `${set} is set without ${missing}: the secret of the application, and the name of its session cookie, go together.`,
    );
  }
  if (secret.length < MIN_SECRET_LENGTH) {
    throw new ConfigError(`RAILS_SECRET_KEY_BASE must have at least ${MIN_SECRET_LENGTH} characters.`);
  }
  const keys = ['sha256', 'sha1'].map((digest) =>
    createSecretKey(pbkdf2Sync(secret, SALT, ITERATIONS, KEY_BYTES, digest)),
  );
  return Object.freeze({ cookie, keys: Object.freeze(keys) });
}
