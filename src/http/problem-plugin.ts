// Turns whatever was thrown into application/problem+json (RFC 9457).

import { type IncomingMessage, type ServerResponse, STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import type {
  FastifyError,
  FastifyInstance,
  FastifyReply,
  FastifyRequest,
  FastifySchemaValidationError,
} from 'fastify';
import fastifyPlugin from 'fastify-plugin';
import {
  escapePointer,
  type InputFault,
  invalid,
  invalidInput,
  notFound,
  Problem,
  type ProblemCode,
} from '../errors.ts';
import { asDatabaseProblem } from '../postgres/database-problem.ts';
import { bareHeaders } from './headers-plugin.ts';
import { collectMethods } from './known-methods.ts';

const problemType = { 'content-type': 'application/problem+json' };

export default fastifyPlugin(
  async (app: FastifyInstance) => {
    app.setErrorHandler((error: FastifyError, request, reply) => {
      sendProblem(asProblem(error), error, request, reply);
    });
    const methodsAt = collectMethods(app);
    app.setNotFoundHandler((request, reply) => {
      const [path = ''] = request.url.split('?');
      sendProblem(wrongAddress(methodsAt(path)), undefined, request, reply);
    });
    // In place of Node's own answer, which has no body.
    app.server.on('checkExpectation', (_request: IncomingMessage, response: ServerResponse) => {
      const problem = new Problem('TB_EXPECTATION_FAILED', 'Of all expectations only 100-continue is met.');
      const body = Buffer.from(problem.toText());
      const more = { 'content-length': body.length, connection: 'close' };
      response.writeHead(problem.status, { ...bareHeaders, ...problemType, ...more }).end(body);
    });
    app.server.on('connect', (_request: IncomingMessage, socket: Socket) => {
      // Behind another request: nothing may be written before, or into, the answer that is on its way.
      if (inFlightOf(socket)) return socket.destroy();
      return endWith(
        new Problem('TB_METHOD_NOT_ALLOWED', 'This is no proxy.', { headers: { allow: 'GET, HEAD' } }),
        socket,
      );
    });
  },
  { name: 'problem' },
);

/** @param methods those that the address has */
function wrongAddress(methods: string[]): Problem {
  if (methods.length === 0) return notFound();
  const allow = methods.join(', ');
  return new Problem('TB_METHOD_NOT_ALLOWED', `Here it is one of ${allow}.`, { headers: { allow } });
}

/** @returns the problem that `error` is for the client; TB_INTERNAL when it is a fault of ours */
export function asProblem(error: unknown): Problem {
  if (error instanceof Problem) return error;
  const { validation, validationContext, statusCode, code, message } = error as Partial<FastifyError>;
  // An error with a status is Fastify's own. Its ECONNRESET is a client that has left, and not the database.
  const fromDatabase = statusCode === undefined ? asDatabaseProblem(error) : undefined;
  if (fromDatabase) return fromDatabase;
  // An address that names no board can't be told from one that names a board of others.
  if (validationContext === 'params') return notFound();
  if (validation) return invalidInput(validation.map(describeFault));
  if (code === 'FST_ERR_BAD_URL')
    return new Problem('TB_INVALID', 'The address is not percent-encoded as it should be.');
  if (code === 'FST_ERR_CTP_INVALID_MEDIA_TYPE') {
    return new Problem('TB_UNSUPPORTED_MEDIA_TYPE', 'Send JSON with Content-Type: application/json.', { cause: error });
  }
  if (statusCode === 413) {
    return new Problem('TB_TOO_LARGE', message ?? 'Send less at a time.', { cause: error });
  }
  if (code === 'FST_ERR_CTP_INVALID_JSON_BODY') return invalid('/', 'must be JSON, and must not name a prototype');
  if (code === 'FST_ERR_CTP_EMPTY_JSON_BODY') return invalid('/', 'must not be empty when Content-Type says JSON');
  if (statusCode !== undefined && statusCode >= 400 && statusCode < 500) {
    return new Problem('TB_INVALID', message ?? 'The request cannot be read.', { cause: error });
  }
  return new Problem('TB_INTERNAL', 'This is a fault of the server. It has been logged.', { cause: error });
}

/** Answers and, where the fault is ours, logs it with its cause. */
export function sendProblem(problem: Problem, error: unknown, request: FastifyRequest, reply: FastifyReply): void {
  if (problem.status === 500) request.log.error({ err: error }, 'request failed');
  else if (problem.status === 503 && !problem.isLogged)
    request.log.warn({ code: problem.code, reason: String(error) }, 'request refused');
  // As bytes: Fastify adds a charset to text, and this media type has no such parameter (RFC 9457, 6.1).
  const body = Buffer.from(problem.toText());
  reply.code(problem.status).headers(problem.headers).type('application/problem+json').send(body);
}

/** For addresses that the router cannot read: no hook has seen the request. */
export function answerFrameworkError(error: FastifyError, request: FastifyRequest, reply: FastifyReply): void {
  sendProblem(asProblem(error), error, request, reply.headers(bareHeaders));
}

/** The answer that is on its way on a connection. */
function inFlightOf(socket: Socket): ServerResponse | null | undefined {
  return (socket as Socket & { _httpMessage?: ServerResponse | null })._httpMessage;
}

/** For requests that are no HTTP: Fastify's own answer to them is no problem+json. */
export function answerClientError(error: NodeJS.ErrnoException, socket: Socket): void {
  // What is on its way on this connection, a stream above all, must not have an answer written into its middle.
  if (error.code === 'ECONNRESET' || !socket.writable || inFlightOf(socket)?.headersSent) {
    socket.destroy();
    return;
  }
  const [code, detail]: [ProblemCode, string] =
    error.code === 'ERR_HTTP_REQUEST_TIMEOUT'
      ? ['TB_TIMEOUT', 'Send the whole request sooner.']
      : error.code === 'HPE_HEADER_OVERFLOW'
        ? ['TB_HEADERS_TOO_LARGE', 'Send fewer or smaller cookies and header fields.']
        : ['TB_INVALID', 'This is not a request of HTTP/1.1.'];
  endWith(new Problem(code, detail), socket);
}

/** For a request whose body came too slowly. */
export function giveUp({ socket }: IncomingMessage): void {
  answerClientError(Object.assign(new Error('too slow'), { code: 'ERR_HTTP_REQUEST_TIMEOUT' }), socket);
}

/** The last answer on a connection on which nothing is under way. */
function endWith(problem: Problem, socket: Socket): void {
  const body = problem.toText();
  const headers = Object.entries({
    ...bareHeaders,
    ...problemType,
    ...problem.headers,
    'content-length': Buffer.byteLength(body),
    connection: 'close',
  }).map(([name, value]) => `${name}: ${value}\r\n`);
  socket.end(`HTTP/1.1 ${problem.status} ${STATUS_CODES[problem.status]}\r\n${headers.join('')}\r\n${body}`);
}

function describeFault({ instancePath, keyword, params, message }: FastifySchemaValidationError): InputFault {
  const unknown = params.additionalProperty ?? params.unevaluatedProperty;
  if (unknown !== undefined) {
    return { path: `${instancePath}/${escapePointer(String(unknown))}`, message: 'is not a field that is known here' };
  }
  if (keyword === 'enum') {
    return { path: instancePath, message: `must be one of ${(params.allowedValues as string[]).join(', ')}` };
  }
  if (keyword === 'required') return { path: `${instancePath}/${params.missingProperty}`, message: 'is missing' };
  return { path: instancePath, message: message ?? 'is wrong' };
}
