// Another application, which sends its own users: it signs JWTs, and shows its public keys.

import { createSecretKey, type KeyObject, randomBytes } from 'node:crypto';
import http from 'node:http';
import { type CryptoKey, exportJWK, generateKeyPair, type JWK, type JWTHeaderParameters, SignJWT } from 'jose';
import type { JwtIssuer } from '../../src/config/jwt-issuers.ts';
import { findFreePort } from './free-port.ts';
import type { Teardown } from './teardown.ts';

export const AUDIENCE = 'teamboard';

export interface Signer {
  alg: string;
  key: KeyObject | CryptoKey;
  kid?: string;
}

export interface KeyPair extends Signer {
  kid: string;
  /** As it stands in a key set. */
  publicJwk: JWK;
}

/** @param claims as the payload has them; undefined takes one away */
export async function sign(
  { alg, key, kid }: Signer,
  claims: Record<string, unknown>,
  header: Partial<JWTHeaderParameters> = {},
): Promise<string> {
  const now = Math.floor(Date.now() / 1000);
  const payload = JSON.parse(JSON.stringify({ aud: AUDIENCE, iat: now, exp: now + 3600, ...claims }));
  return new SignJWT(payload).setProtectedHeader({ alg, ...(kid !== undefined && { kid }), ...header }).sign(key);
}

/** An issuer with a shared secret. */
export function secretIssuer(issuer = 'https://app.example'): { config: JwtIssuer; signer: Signer } {
  const key = createSecretKey(randomBytes(32));
  return { config: { issuer, audience: AUDIENCE, keys: key }, signer: { alg: 'HS256', key } };
}

export async function makeKeyPair(alg: 'RS256' | 'ES256', kid: string): Promise<KeyPair> {
  const { privateKey, publicKey } = await generateKeyPair(alg, { extractable: true });
  return { alg, key: privateKey, kid, publicJwk: { ...(await exportJWK(publicKey)), kid, alg, use: 'sig' } };
}

export interface KeyServer {
  url: URL;
  /** What it answers from now on. */
  show(...pairs: KeyPair[]): void;
  answer(handler: http.RequestListener): void;
  /** How often it was asked. */
  readonly requests: number;
  /** Nobody listens at its address any more. */
  stop(): Promise<void>;
  start(): Promise<void>;
}

/** The address of a key set. Ends with the test. */
export async function startKeyServer(t: Teardown, ...pairs: KeyPair[]): Promise<KeyServer> {
  let requests = 0;
  let handler: http.RequestListener = () => {};
  const server = http.createServer((request, response) => {
    requests += 1;
    handler(request, response);
  });
  const listen = (port: number) => new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  const stop = async () => {
    const closed = new Promise((resolve) => server.close(resolve));
    server.closeAllConnections();
    await closed;
  };
  const port = await findFreePort();
  await listen(port);
  t.teardown(stop);
  const show = (...shown: KeyPair[]) => {
    const body = JSON.stringify({ keys: shown.map(({ publicJwk }) => publicJwk) });
    handler = (_request, response) => void response.setHeader('content-type', 'application/json').end(body);
  };
  show(...pairs);
  return {
    url: new URL(`http://127.0.0.1:${port}/jwks.json`),
    show,
    answer: (next) => {
      handler = next;
    },
    get requests() {
      return requests;
    },
    stop,
    start: () => listen(port),
  };
}
