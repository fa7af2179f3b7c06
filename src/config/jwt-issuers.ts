// JWT_ISSUERS: whose JWTs are good here, and by which keys.

import { createSecretKey, type KeyObject } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { ConfigError } from './config-error.ts';

/** HS256 is no better than its secret: RFC 7518, 3.2 asks for as many bits as the hash has. */
const MIN_SECRET_BYTES = 32;
/** Also the constraint of the table `identities`. */
const MAX_LENGTH = 255;
const fields = ['issuer', 'audience', 'secret', 'jwks'];

export interface JwtIssuer {
  /** `iss` of its tokens, exactly. */
  issuer: string;
  /** In `aud` of its tokens. */
  audience: string;
  /** The secret that it shares with us, as a key, which no log writes out; or where its public keys are. */
  keys: KeyObject | URL;
}

/**
 * @param setting a JSON array, or the path of a file that holds one
 * @throws ConfigError that names the entry and repeats nothing of what may be a secret
 */
export function readJwtIssuers(setting: string | undefined): readonly JwtIssuer[] {
  if (setting === undefined) return Object.freeze([]);
  const isInline = setting.startsWith('[');
  const text = isInline
    ? setting
    : readText(setting, 'JWT_ISSUERS is neither a JSON array nor a file that can be read');
  const entries = parseJson(text);
  if (!Array.isArray(entries)) {
    throw new ConfigError(`JWT_ISSUERS must be ${isInline ? '' : 'a file with '}a JSON array of issuers.`);
  }
  return Object.freeze(entries.map((entry, index) => readIssuer(entry, `JWT_ISSUERS, entry ${index + 1}:`)));
}

function readIssuer(entry: unknown, where: string): JwtIssuer {
  if (typeof entry !== 'object' || entry === null || Array.isArray(entry)) {
    throw new ConfigError(`${where} must be an object with issuer, audience, and secret or jwks.`);
  }
  if (Object.keys(entry).some((name) => !fields.includes(name))) {
    throw new ConfigError(`${where} has a field other than ${fields.join(', ')}.`);
  }
  const { issuer, audience, secret, jwks } = entry as Record<string, unknown>;
  if (!isShortText(issuer)) throw new ConfigError(`${where} issuer must be a text of 1 to ${MAX_LENGTH} characters.`);
  if (!isShortText(audience)) {
    throw new ConfigError(`${where} audience must be a text of 1 to ${MAX_LENGTH} characters.`);
  }
  if ((secret === undefined) === (jwks === undefined)) {
    throw new ConfigError(`${where} must have either secret (HS256) or jwks (RS256, ES256).`);
  }
  return { issuer, audience, keys: jwks === undefined ? readSecret(secret, where) : readSource(jwks, where) };
}

function isShortText(value: unknown): value is string {
  return typeof value === 'string' && value.length >= 1 && value.length <= MAX_LENGTH && value.isWellFormed();
}

function readSecret(secret: unknown, where: string): KeyObject {
  if (typeof secret !== 'string' || Buffer.byteLength(secret) < MIN_SECRET_BYTES) {
    throw new ConfigError(`${where} secret must be a text of at least ${MIN_SECRET_BYTES} bytes.`);
  }
  return createSecretKey(Buffer.from(secret));
}

function readSource(jwks: unknown, where: string): URL {
  if (typeof jwks !== 'string' || jwks === '') {
    throw new ConfigError(`${where} jwks must be an https:// address or a path.`);
  }
  if (/^[a-z][a-z0-9+.-]*:/i.test(jwks)) return readAddress(jwks, where);
  const path = resolve(jwks);
  checkKeySet(readText(path, `${where} jwks cannot be read`), where);
  return pathToFileURL(path);
}

/** Who answers in place of the address makes users: without TLS nobody but this machine is to be believed. */
function readAddress(address: string, where: string): URL {
  const url = URL.canParse(address) ? new URL(address) : undefined;
  const isLoopback = /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])$/.test(url?.hostname ?? '');
  if (url?.protocol !== 'https:' && !(url?.protocol === 'http:' && isLoopback)) {
    throw new ConfigError(`${where} jwks must be an https:// address (http:// for this machine only) or a path.`);
  }
  if (url.username || url.password) throw new ConfigError(`${where} jwks must not hold a password.`);
  return url;
}

/** A file is there at the start, or its owner is told now. (An address may come up after us.) */
function checkKeySet(text: string, where: string): void {
  const { keys } = (parseJson(text) ?? {}) as { keys?: unknown };
  const all: Array<Record<string, unknown> | null> = Array.isArray(keys) ? keys : [];
  if (all.some((key) => key?.d !== undefined || key?.kty === 'oct')) {
    throw new ConfigError(`${where} jwks holds a private key: only public ones belong there.`);
  }
  if (!all.some((key) => key?.kty === 'RSA' || (key?.kty === 'EC' && key.crv === 'P-256'))) {
    throw new ConfigError(`${where} jwks must be a JSON Web Key Set with a key for RS256 or ES256.`);
  }
}

function readText(path: string, otherwise: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw new ConfigError(`${otherwise} (${(error as NodeJS.ErrnoException).code}).`);
  }
}

/** @returns undefined when it is none: the parser's own message would repeat what stands there */
function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
