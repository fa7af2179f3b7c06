// Connections for the checks of the start, whose failures name the setting that has led there.

import pg from 'pg';
import { connectionOptions, describeAddress, readAddress } from '../address.ts';
import { asStartupOptions, startSettings } from '../session-settings.ts';
import { UnsupportedDatabaseError } from '../supported.ts';
import { isUnreachable, reasonOf, refusalOf } from './refusal.ts';

const CONNECT_TIMEOUT_MS = 5000;
const ANSWER_TIMEOUT_MS = 10_000;

/** An address, and the setting by which an operator knows it. */
export interface Target {
  setting: string;
  url: string;
}

/** Nothing answers there, or nothing that can answer yet. */
export class UnreachableError extends Error {
  override readonly name = 'UnreachableError';
  readonly details: { setting: string; address: string; reason: string };

  constructor({ setting, url }: Target, cause: Error) {
    super('PostgreSQL cannot be reached', { cause });
    this.details = { setting, address: describeAddress(url), reason: reasonOf(cause) };
  }
}

/**
 * @param use gets a client for each of the options, which are `options` of the startup, undefined for no time limits; all
 *   are closed after it
 * @throws UnsupportedDatabaseError for what an operator has to mend, UnreachableError for what passes
 */
export async function withClients<T>(
  target: Target,
  options: Array<string | undefined>,
  use: (...clients: pg.Client[]) => Promise<T>,
): Promise<T> {
  const clients: pg.Client[] = [];
  try {
    for (const each of options) clients.push(await connect(target, each));
    return await use(...clients);
  } catch (error) {
    throw asStartError(error as Error, target);
  } finally {
    for (const client of clients) void client.end().catch(() => {});
  }
}

/** @param options default: no time limits, which those of a role would be; none where a pooler refuses to take options */
async function connect(target: Target, options?: string): Promise<pg.Client> {
  try {
    return await open(target, options ?? asStartupOptions(startSettings));
  } catch (error) {
    if (isAboutDirectTls(error, target) && (await wantsToBeAsked(target))) {
      throw new UnsupportedDatabaseError(
        `${target.setting} begins with TLS unasked (sslnegotiation=direct), which PostgreSQL knows from 17 on, and this ` +
          'server does not: leave sslnegotiation out.',
      );
    }
    if (options !== undefined || !isAboutOptions(error)) throw error;
    return open(target);
  }
}

async function open({ url }: Target, options?: string): Promise<pg.Client> {
  const client = new pg.Client({
    ...connectionOptions(url, options),
    application_name: 'teamboard start',
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    query_timeout: ANSWER_TIMEOUT_MS,
  });
  // Its statement fails. Without a listener the loss would end the process without a word.
  client.on('error', () => {});
  try {
    await client.connect();
    return client;
  } catch (error) {
    void client.end().catch(() => {});
    throw error;
  }
}

/** A server before PostgreSQL 17 takes it for a packet of nonsense, and hangs up. So does one that is just ending. */
function isAboutDirectTls(error: unknown, { url }: Target): boolean {
  return readAddress(url).sslnegotiation === 'direct' && (error as NodeJS.ErrnoException).code === 'ECONNRESET';
}

/** @returns true when the server answers whoever asks for TLS first, and hangs up on who does not once more */
async function wantsToBeAsked(target: Target): Promise<boolean> {
  const asking = target.url.replace(/([?&]sslnegotiation=)direct/i, '$1postgres');
  for (const url of [asking, target.url]) {
    const found = await open({ ...target, url }).catch((error: Error) => error);
    if (!(found instanceof Error)) void found.end().catch(() => {});
    if (url === target.url) return isAboutDirectTls(found, target);
    if (found instanceof Error && (!(found instanceof pg.DatabaseError) || isUnreachable(found))) return false;
  }
  return false;
}

/** PgBouncer knows few startup parameters, and Amazon's RDS Proxy no `options`. */
export function isAboutOptions(error: unknown): boolean {
  return error instanceof pg.DatabaseError && /startup (parameter|option)|command.line option/i.test(error.message);
}

/** @returns what says which setting is concerned; `error` itself, when it is none of the database */
export function asStartError(error: Error, target: Target): Error {
  return refusalOf(error, target.setting) ?? (isUnreachable(error) ? new UnreachableError(target, error) : error);
}
