// The exception that carries an error to the error handler, and those that many throw.

import { type ProblemCode, problems } from './problem-codes.ts';

export { type ProblemCode, problems };

const MAX_FAULTS = 20;
const MAX_PATH = 200;

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
  return new Problem(
    'TB_NOT_FOUND',
    'Check the address, and that you are signed in as somebody who may see what it names.',
  );
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
