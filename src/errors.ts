// Every error that a client can get, by its stable code, and the exception that carries one to the error handler.

const MAX_FAULTS = 20;
const MAX_PATH = 200;

export const problems = {
  TB_INVALID: { status: 400, title: 'The request does not fit the contract' },
  TB_UNAUTHENTICATED: { status: 401, title: 'Nobody is signed in' },
  TB_WRONG_CREDENTIALS: { status: 401, title: 'Email or password is wrong' },
  TB_FORBIDDEN: { status: 403, title: 'Your role does not allow this' },
  TB_CROSS_SITE: { status: 403, title: 'Pages of other sites may not do this' },
  TB_SESSION_REQUIRED: { status: 403, title: 'A token does not allow this' },
  TB_WRONG_PASSWORD: { status: 403, title: 'The current password is another one' },
  TB_NOT_FOUND: { status: 404, title: 'There is nothing here that you may see' },
  TB_METHOD_NOT_ALLOWED: { status: 405, title: 'This address has other methods' },
  TB_NOT_ACCEPTABLE: { status: 406, title: 'No representation that you accept' },
  TB_TIMEOUT: { status: 408, title: 'The request took too long to arrive' },
  TB_EMAIL_TAKEN: { status: 409, title: 'Somebody has an account with this email' },
  TB_ALREADY_MEMBER: { status: 409, title: 'This user is a member already' },
  TB_LAST_OWNER: { status: 409, title: 'A board keeps at least one owner' },
  TB_LIMIT_REACHED: { status: 409, title: 'This is as much as one may have' },
  TB_ITEM_GONE: { status: 409, title: 'The batch names an item that is not on the board' },
  TB_INVITE_ENDED: { status: 410, title: 'This invite has ended' },
  TB_CONFLICT: { status: 412, title: 'Somebody has changed this since' },
  TB_TOO_LARGE: { status: 413, title: 'The body is too large' },
  TB_UNSUPPORTED_MEDIA_TYPE: { status: 415, title: 'The body is in no format that is read here' },
  TB_EXPECTATION_FAILED: { status: 417, title: 'The request expects what is not done here' },
  TB_KEY_REUSED: { status: 422, title: 'This idempotency key belongs to another request' },
  TB_TOO_MANY_STREAMS: { status: 429, title: 'You have as many streams open as one user may' },
  TB_TOO_MANY_PAGES: { status: 429, title: 'You read more pages at once than one user may' },
  TB_TOO_MANY_TICKETS: { status: 429, title: 'You have as many unused tickets as one user may' },
  TB_TOO_MANY_WRITES: { status: 429, title: 'You write more often than one user may' },
  TB_TOO_MANY_BROADCASTS: { status: 429, title: 'You broadcast more often than one user may' },
  TB_TOO_MANY_RENAMES: { status: 429, title: 'You change your name more often than one user may' },
  TB_TOO_MANY_ACCOUNTS: { status: 429, title: 'Your address has made as many accounts as one may at a time' },
  TB_TOO_MANY_ATTEMPTS: { status: 429, title: 'Too many attempts' },
  TB_HEADERS_TOO_LARGE: { status: 431, title: 'The header fields are too large' },
  TB_INTERNAL: { status: 500, title: 'The server failed' },
  TB_OUTCOME_UNKNOWN: { status: 503, title: 'Nobody knows whether this was done' },
  TB_UNAVAILABLE: { status: 503, title: 'The server cannot do this now' },
} as const satisfies Record<`TB_${string}`, { status: number; title: string }>;

export type ProblemCode = keyof typeof problems;

/** One fault of the input: `path` is a JSON pointer into the body, or `/` and the name of a parameter. */
export interface InputFault {
  path: string;
  message: string;
}

/** Thrown anywhere below a route, answered as `application/problem+json` (RFC 9457). */
export class Problem extends Error {
  override readonly name = 'Problem';
  readonly code: ProblemCode;
  readonly errors: InputFault[] | undefined;
  readonly headers: Record<string, string>;
  readonly extensions: Record<string, unknown> | undefined;
  readonly #texts: Record<string, string>;
  /** Whoever found the cause has logged it, once for all requests that it refuses. */
  readonly isLogged: boolean;

  /**
   * @param code says status and title, see {@link problems}
   * @param detail what is wrong with this request and what to do about it; the client reads it
   * @param more `errors` for bad input; `headers` that the answer carries besides; `extensions`, further members of the
   *   body (RFC 9457, 3.2), and `texts`, those which are JSON already; `cause` for the log; `isLogged` when the cause is there already
   */
  constructor(
    code: ProblemCode,
    detail: string,
    more: {
      errors?: InputFault[];
      headers?: Record<string, string>;
      extensions?: Record<string, unknown>;
      texts?: Record<string, string>;
      cause?: unknown;
      isLogged?: boolean;
    } = {},
  ) {
    super(detail, { cause: more.cause });
    this.code = code;
    // The client chose the paths, so what it hears of them is limited.
    this.errors = more.errors?.slice(0, MAX_FAULTS).map(({ path, message }) => ({ path: clip(path || '/'), message }));
    this.extensions = more.extensions;
    this.#texts = more.texts ?? {};
    this.headers = more.headers ?? {};
    this.isLogged = more.isLogged ?? false;
  }

  get status(): number {
    return problems[this.code].status;
  }

  /** The body of the answer. */
  toText(): string {
    const texts = Object.entries(this.#texts).map(([name, json]) => `,${JSON.stringify(name)}:${json}`);
    return `${JSON.stringify(this).slice(0, -1)}${texts.join('')}}`;
  }

  /** What of the body is not JSON yet. `type` is an identifier, not an address (RFC 9457, 3.1.1). */
  toJSON() {
    const { status, title } = problems[this.code];
    return {
      type: `urn:teamboard:error:${this.code}`,
      title,
      status,
      detail: this.message,
      code: this.code,
      ...(this.errors && { errors: this.errors }),
      ...this.extensions,
    };
  }
}

/** One body for what does not exist and for what the caller may not see, so that the two cannot be told apart. */
export function notFound(): Problem {
  return new Problem('TB_NOT_FOUND', 'Check the address, and that you are a member of the board.');
}

const RETRY_AFTER_SECONDS = '2';

/** For what will pass by itself. @param cause for the log */
export function unavailable(detail: string, cause?: unknown): Problem {
  return new Problem('TB_UNAVAILABLE', detail, { headers: { 'retry-after': RETRY_AFTER_SECONDS }, cause });
}

/**
 * For a write that was sent to the database and not answered.
 *
 * @param cause for the log
 */
export function outcomeUnknown(cause: unknown): Problem {
  return new Problem(
    'TB_OUTCOME_UNKNOWN',
    'The database was lost before it answered: this may have been done, or not. Send it again with the same ' +
      'Idempotency-Key, and it is done once; without a key, look first.',
    { headers: { 'retry-after': RETRY_AFTER_SECONDS }, cause },
  );
}

/** For bad input that no schema can describe. */
export function invalid(path: string, message: string): Problem {
  return invalidInput([{ path, message }]);
}

/** @param errors the first becomes the `detail` */
export function invalidInput(errors: InputFault[]): Problem {
  const [first] = errors;
  const detail = first ? `${clip(first.path || '/')} ${first.message}` : 'The request cannot be read.';
  return new Problem('TB_INVALID', detail, { errors });
}

/** One step of a JSON pointer (RFC 6901, 3). */
export function escapePointer(name: string): string {
  return name.replaceAll('~', '~0').replaceAll('/', '~1');
}

function clip(path: string): string {
  return path.length <= MAX_PATH ? path : `${path.slice(0, MAX_PATH)}…`;
}
