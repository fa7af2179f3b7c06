// Turns whatever was thrown into application/problem+json (RFC 9457).

import type {
  FastifyError,
  FastifyInstance,
  FastifyReply,
  FastifyRequest,
  FastifySchemaValidationError,
} from 'fastify';
import fastifyPlugin from 'fastify-plugin';
import { type InputFault, notFound, Problem, type ProblemCode } from '../errors.ts';
import { asDatabaseProblem } from '../postgres/database-problem.ts';

const MAX_FAULTS = 20;

export default fastifyPlugin(
  async (app: FastifyInstance) => {
    app.setErrorHandler((error: FastifyError, request, reply) => {
      sendProblem(asProblem(error), error, request, reply);
    });
    app.setNotFoundHandler((request, reply) => {
      sendProblem(notFound(), undefined, request, reply);
    });
  },
  { name: 'problem' },
);

/** @returns the problem that `error` is for the client; TB_INTERNAL when it is a fault of ours */
export function asProblem(error: unknown): Problem {
  if (error instanceof Problem) return error;
  const fromDatabase = asDatabaseProblem(error);
  if (fromDatabase) return fromDatabase;
  const { validation, validationContext, statusCode, code, message } = error as Partial<FastifyError>;
  if (validation) return invalidInput(validation, validationContext);
  if (code === 'FST_ERR_CTP_INVALID_MEDIA_TYPE') {
    return new Problem('TB_UNSUPPORTED_MEDIA_TYPE', 'Send JSON with Content-Type: application/json.', { cause: error });
  }
  if (statusCode === 413) {
    return new Problem('TB_TOO_LARGE', message ?? 'Send less at a time.', { cause: error });
  }
  if (statusCode === 503) return new Problem('TB_UNAVAILABLE', 'The server is going down. Try again in a moment.');
  if (statusCode !== undefined && statusCode >= 400 && statusCode < 500) {
    return new Problem('TB_INVALID', message ?? 'The request cannot be read.', { cause: error });
  }
  return new Problem('TB_INTERNAL', 'This is a fault of the server. It has been logged.', { cause: error });
}

/** Answers and, where the fault is ours, logs it with its cause. */
export function sendProblem(problem: Problem, error: unknown, request: FastifyRequest, reply: FastifyReply): void {
  if (problem.status === 500) request.log.error({ err: error }, 'request failed');
  else if (problem.status === 503) request.log.warn({ code: problem.code, reason: String(error) }, 'request refused');
  reply.code(problem.status).headers(problem.headers).type('application/problem+json').send(JSON.stringify(problem));
}

/** For requests that are no HTTP: Fastify's own answer to them is no problem+json. */
export function answerClientError(error: NodeJS.ErrnoException, socket: import('node:net').Socket): void {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy();
    return;
  }
  const [code, detail]: [ProblemCode, string] =
    error.code === 'ERR_HTTP_REQUEST_TIMEOUT'
      ? ['TB_TIMEOUT', 'Send the whole request sooner.']
      : error.code === 'HPE_HEADER_OVERFLOW'
        ? ['TB_HEADERS_TOO_LARGE', 'Send fewer or smaller cookies and header fields.']
        : ['TB_INVALID', 'This is not a request of HTTP/1.1.'];
  const problem = new Problem(code, detail);
  const body = JSON.stringify(problem);
  socket.end(
    `HTTP/1.1 ${problem.status} ${problem.toJSON().title}\r\nContent-Type: application/problem+json\r\n` +
      `Content-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`,
  );
}

function invalidInput(validation: FastifySchemaValidationError[], context: string | undefined): Problem {
  // An address that names no board can't be told from one that names a board of others.
  if (context === 'params') return notFound();
  const errors = validation.slice(0, MAX_FAULTS).map(describeFault);
  const [first] = errors;
  return new Problem('TB_INVALID', first ? `${first.path} ${first.message}` : 'The request cannot be read.', {
    errors,
  });
}

function describeFault({ instancePath, keyword, params, message }: FastifySchemaValidationError): InputFault {
  const unknown = params.additionalProperty ?? params.unevaluatedProperty;
  if (unknown !== undefined)
    return { path: `${instancePath}/${unknown}`, message: 'is not a field that is known here' };
  if (keyword === 'required') return { path: `${instancePath}/${params.missingProperty}`, message: 'is missing' };
  return { path: instancePath || '/', message: message ?? 'is wrong' };
}
