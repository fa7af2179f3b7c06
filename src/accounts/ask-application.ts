// The question "who is this?" to the operator's application, and what counts as an answer.

import { type Claims, readClaims } from '../access/claims.ts';
import type { AuthSource } from '../config/auth-source.ts';
import { fetchText } from '../http/fetch-text.ts';
import { cleanName } from '../http/name.ts';
import { isStorable, MAX_SUBJECT_LENGTH } from './jwt-verifier.ts';
import { MAX_NAME_LENGTH } from './user.ts';

const MAX_BYTES = 64 * 1024;
/** Ten years. RFC 3339 has no years of five digits. */
const MOST_SECONDS = 10 * 365 * 24 * 60 * 60;

/** What a request says of its sender: all that the application gets of it. */
export interface Credential {
  cookie: string | undefined;
  authorization: string | undefined;
}

export interface ApplicationUser {
  /** Who it is there. */
  subject: string;
  /** As a name of ours. */
  name: string | undefined;
  /** How long that is so; undefined when the application does not say. */
  endsInMs: number | undefined;
  /** The boards that it lets its user in to. */
  claims?: Claims | undefined;
}

/**
 * @returns undefined for nobody
 * @throws Error when the application is away, or answers what is no answer
 */
export type AskApplication = (credential: Credential) => Promise<ApplicationUser | undefined>;

export function createAskApplication({ url }: Pick<AuthSource, 'url'>, answerMs: number): AskApplication {
  return async ({ cookie, authorization }) => {
    const headers = {
      accept: 'application/json',
      ...(cookie !== undefined && { cookie }),
      ...(authorization !== undefined && { authorization }),
    };
    const { status, text } = await fetchText(url, { headers, answerMs, maxBytes: MAX_BYTES });
    if (status === 401) return undefined;
    // A page to sign in at, above all: it says nothing of who that is, and would be taken for nobody for ever.
    if (status !== 200) throw new Error(`the address answers ${status}, and neither 200 nor 401`);
    return readAnswer(text);
  };
}

/** @throws Error for what is no answer. What it has beside is the application's own business */
function readAnswer(text: string): ApplicationUser | undefined {
  const answer = parse(text) as { user?: unknown; boards?: unknown; expiresInSeconds?: unknown } | null | undefined;
  if (typeof answer !== 'object' || answer === null || answer.user === undefined) {
    throw new Error('the address answers 200 without {"user": {"id", "name"}}');
  }
  if (answer.user === null) return undefined;
  const { id, name } = answer.user as { id?: unknown; name?: unknown };
  const subject = Number.isSafeInteger(id) ? String(id) : id;
  if (typeof subject !== 'string' || subject === '' || subject.length > MAX_SUBJECT_LENGTH || !isStorable(subject)) {
    throw new Error(`"user.id" must be a whole number or a text of 1 to ${MAX_SUBJECT_LENGTH} characters`);
  }
  return {
    subject,
    name: typeof name === 'string' ? cleanName(name, MAX_NAME_LENGTH) : undefined,
    endsInMs: readEnd(answer.expiresInSeconds),
    claims: readClaims(answer.boards),
  };
}

function readEnd(seconds: unknown): number | undefined {
  if (seconds === undefined || seconds === null) return undefined;
  if (typeof seconds !== 'number' || !(seconds > 0)) throw new Error('"expiresInSeconds" must be a number above 0');
  return Math.min(seconds, MOST_SECONDS) * 1000;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
