// What every error of the API looks like.

import type { Test } from 'tap';
import { type InputFault, type ProblemCode, problems } from '../../src/problems/problem.ts';
import type { Answer } from './client.ts';

/** Checks an answer against RFC 9457 and the table of src/problems/problem.ts, field by field. */
export function sameProblem(
  t: Test,
  answer: Pick<Answer, 'status' | 'headers' | 'body'>,
  code: ProblemCode,
  { errors, message = code }: { errors?: InputFault[] | undefined; message?: string } = {},
): void {
  const { status, title } = problems[code];
  t.equal(answer.status, status, `${message}: status`);
  t.match(answer.headers.get('content-type'), /^application\/problem\+json(;|$)/, `${message}: type`);
  const { detail, ...body } = answer.body;
  t.same(
    body,
    { type: `urn:teamboard:error:${code}`, title, status, code, ...(errors && { errors }) },
    `${message}: body`,
  );
  t.match(detail, /\S/, `${message}: detail`);
}
