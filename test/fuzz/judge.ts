// What every answer must be, whatever was asked.

import type { Answer } from './answers.ts';
import type { ApiDocument, ReadAnswer } from './api-document.ts';
import type { Exchange } from './exchange.ts';
import type { WireRequest } from './requests.ts';

export interface Finding {
  /** The promise that is broken. */
  rule: string;
  /** Of the request that shows it. */
  operation: string;
  detail: string;
}

/** Longer than any problem has to be: what a stranger sends is not to be told back to him. */
const LONGEST_PROBLEM = 20_000;

/** The one rule that a machine breaks which stands still. */
export const TAKES_LONG = 'no answer takes long';

export class Judge {
  readonly #document: ApiDocument;
  readonly #longestMs: number;

  /** @param longestMs by then everything has been answered, from the first byte of the request */
  constructor(document: ApiDocument, longestMs: number) {
    this.#document = document;
    this.#longestMs = longestMs;
  }

  /** @returns what is wrong with what came back, the worst first */
  judge(requests: readonly WireRequest[], { answers, end, fault, ms }: Exchange): Finding[] {
    const findings = requests.flatMap((request, index) => {
      const answer = answers[index];
      return answer ? this.#judgeAnswer(request, answer) : [];
    });
    const last = requests[answers.length] ?? requests.at(-1);
    // Behind what asks for another protocol nothing more is to be sent: Node takes it for that protocol.
    const isUpgraded =
      requests.length > 1 && requests.some(({ bytes }) => /^Upgrade:/im.test(bytes.toString('latin1')));
    const found = (rule: string, detail: string) =>
      findings.push({ rule, operation: last?.operation.title ?? '', detail });
    if (end === 'nonsense') found('what comes back is HTTP', fault ?? '');
    if (end === 'no answer' && !isUpgraded) found('every request is answered', `not within ${Math.round(ms)} ms`);
    const mayBeCut = requests.some(({ isWellFormed, bytes }) => !isWellFormed || bytes.length > 60_000);
    if (end === 'closed' && requests.length === 1 && !mayBeCut) found('every request is answered', 'closed instead');
    if (end === undefined && ms > this.#longestMs) {
      found(TAKES_LONG, `${Math.round(ms)} ms, more than ${Math.round(this.#longestMs)}`);
    }
    return findings;
  }

  #judgeAnswer(request: WireRequest, answer: Answer): Finding[] {
    const faults = answer.status >= 400 ? this.#problemFaults(request, answer) : this.#successFaults(request, answer);
    return faults.map(([rule, detail]) => ({
      ...{ rule, operation: request.operation.title },
      detail: `${request.method}: ${answer.status} ${detail}; ${answer.body.toString('utf8').slice(0, 300)}`,
    }));
  }

  #problemFaults(request: WireRequest, { status, headers, body }: Answer): Array<[rule: string, detail: string]> {
    const faults: Array<[string, string]> = [];
    if (status >= 500) faults.push(['nothing is answered with 5xx', '']);
    if (request.method === 'HEAD') return faults;
    const problem = parse(body);
    const isWhole =
      headers.get('content-type') === 'application/problem+json' &&
      isProblem(problem) &&
      problem.status === status &&
      this.#document.codes.get(problem.code) === status;
    if (!isWhole) faults.push(['every error is a problem of the contract', headers.get('content-type') ?? 'no type']);
    if (body.length > LONGEST_PROBLEM) faults.push(['a problem is short', `${body.length} bytes`]);
    const { operation, isPlain } = request;
    if (!isPlain) return faults;
    const isOwn = request.method === operation.method;
    if (isOwn) faults.push(...this.#documentFaults(request, { status, headers, body: problem }));
    if (isOwn && status === 405) faults.push(['a method of the document is allowed', '']);
    if (status === 405 && !headers.has('allow')) faults.push(['405 says what is allowed', '']);
    if (this.#isOtherMethod(request) && status === 404) faults.push(['a path of another method answers 405', '']);
    return faults;
  }

  #successFaults(request: WireRequest, { status, headers, body, isStream }: Answer): Array<[string, string]> {
    const { operation, isPlain, mustFail, method } = request;
    const faults: Array<[string, string]> = [];
    if (method !== operation.method || !isPlain) return faults;
    if (mustFail !== undefined) faults.push([`${mustFail} is refused`, '']);
    if (!isStream) return [...faults, ...this.#documentFaults(request, { status, headers, body: parse(body) })];
    const text = body.toString('utf8');
    faults.push(...this.#documentFaults(request, { status, headers, body: text }));
    // The check of the way is no stream of a board.
    if (operation.path === '/streams/check') return faults;
    if (!/^(?:[0-9a-f]+\r\n)?retry: ?\d+\nevent: ?(?:ready|close)\n/.test(text))
      faults.push(['a stream begins well', '']);
    for (const [, event, data = '', id] of text.matchAll(/^event: ?(\w+)\ndata: ?(.*)\n(?:id: ?(.*)\n)?\n/gm)) {
      const frame = { event, data: parse(Buffer.from(data)), ...(id !== undefined && { id }) };
      const [fault] = this.#document.componentFaults('StreamFrame', frame);
      if (fault !== undefined) faults.push(['a frame fits its schema', fault]);
    }
    return faults;
  }

  #documentFaults({ operation }: WireRequest, answer: ReadAnswer): Array<[string, string]> {
    if (!this.#document.knowsStatus(operation, answer.status)) return [['a status is in the document', '']];
    const faults = this.#document.answerFaults(operation, answer);
    return faults.slice(0, 1).map((fault) => ['an answer fits its schema', fault]);
  }

  /** A method of HTTP that the path does not have. (A HEAD is a GET, and OPTIONS is answered for all.) */
  #isOtherMethod({ method, operation, isWellFormed, isPlain }: WireRequest): boolean {
    const isKnown = ['GET', 'POST', 'PATCH', 'DELETE', 'PUT'].includes(method);
    return isKnown && isWellFormed && isPlain && !this.#document.methodsOf(operation.path).includes(method);
  }
}

function parse(body: Buffer): unknown {
  if (body.length === 0) return undefined;
  try {
    return JSON.parse(body.toString('utf8'));
  } catch {
    return body.toString('utf8');
  }
}

function isProblem(value: unknown): value is { status: number; code: string } {
  if (typeof value !== 'object' || value === null) return false;
  const { type, title, status, detail, code, errors = [] } = value as Record<string, unknown>;
  const isFault = (fault: { path?: unknown; message?: unknown }) =>
    typeof fault?.path === 'string' && typeof fault.message === 'string';
  return (
    [type, title, detail, code].every((member) => typeof member === 'string' && member !== '') &&
    typeof status === 'number' &&
    Array.isArray(errors) &&
    errors.every(isFault)
  );
}
