// Requests of the application, and what it tells people when one of them fails.

/** Why something could not be done: one line for the person who wanted it. */
export class Failure extends Error {
  /** 0: nobody has answered. */
  readonly status: number;
  /** `TB_…`, where the server has said one. */
  readonly code: string | undefined;
  /** When it may be tried again, where the server has said so. */
  readonly retryAfterSeconds: number | undefined;

  constructor(message: string, status: number, code?: string, retryAfterSeconds?: number) {
    super(message);
    this.status = status;
    this.code = code;
    this.retryAfterSeconds = retryAfterSeconds;
  }
}

export interface Service {
  /** Without a slash at the end. */
  readonly url: string;
  /**
   * @param body is sent as JSON
   * @param key of a write that is done once, however often it is sent
   * @returns the JSON of the answer; undefined when it has no body
   * @throws Failure
   */
  call<Answer>(method: string, path: string, body?: unknown, key?: string): Promise<Answer>;
}

export interface Identification {
  /** Of each request, as `connect` takes them. */
  headers?: Record<string, string> | undefined;
  credentials?: 'omit' | 'same-origin' | 'include' | undefined;
}

interface ProblemBody {
  code?: string;
  detail?: string;
  errors?: Array<{ path: string; message: string }>;
}

export function createService(
  url: string,
  { headers = {}, credentials = 'same-origin' }: Identification = {},
): Service {
  return {
    url,
    async call<Answer>(method: string, path: string, body?: unknown, key?: string): Promise<Answer> {
      const type: Record<string, string> = body === undefined ? {} : { 'Content-Type': 'application/json' };
      const once: Record<string, string> = key === undefined ? {} : { 'Idempotency-Key': key };
      const answer = await fetch(url + path, {
        method,
        credentials,
        headers: { Accept: 'application/json', ...type, ...once, ...headers },
        ...(body !== undefined && { body: JSON.stringify(body) }),
      }).catch(() => {
        throw new Failure('The server cannot be reached. Look at the connection, and try again.', 0);
      });
      if (answer.ok) return (answer.status === 204 ? undefined : await answer.json()) as Answer;
      const retryAfter = Number(answer.headers.get('retry-after') ?? Number.NaN);
      const problem = ((await answer.json().catch(() => ({}))) ?? {}) as ProblemBody;
      throw explain(answer.status, problem, Number.isFinite(retryAfter) ? retryAfter : undefined);
    },
  };
}

function explain(status: number, { code, detail, errors = [] }: ProblemBody, retryAfter: number | undefined): Failure {
  const [first] = errors;
  const field = first?.path.replace(/^\//, '') ?? '';
  const line = first ? `${capitalised(field)} ${first.message}.` : detail;
  return new Failure(line ?? `The server answered ${status}. Try again in a moment.`, status, code, retryAfter);
}

const capitalised = (text: string) => text.slice(0, 1).toUpperCase() + text.slice(1);

/** @returns the line to show of whatever was thrown */
export function lineOf(error: unknown): string {
  return error instanceof Failure ? error.message : 'Something went wrong here. Load the page again.';
}
