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
import { RepeatedLines } from '../logging/repeated-lines.ts';
import {
  escapePointer,
  type InputFault,
  invalid,
  invalidInput,
  notFound,
  Problem,
  type ProblemCode,
} from '../problems/problem.ts';
import { HEAD_BYTES } from './head-bytes.ts';
import { bareHeaders } from './headers-plugin.ts';
import { whatOf } from './request-fields.ts';
import { FAULT } from './schemas.ts';

declare module 'fastify' {
  interface FastifyInstance {
    /** @returns the problem that the error is for a client */
    asProblem: (error: unknown) => Problem;
    /** While something is away, each request is refused for it: of the log's lines of one kind the first is told. */
    repeatedLines: RepeatedLines;
  }
  interface FastifyReply {
    /** The code of the problem that it says; '' when it says none. */
    problemCode: ProblemCode | '';
  }
}

/** What an error of one of the layers below means to a client; undefined when it is none of theirs. */
export type RecognizeProblem = (error: unknown) => Problem | undefined;

const problemType = { 'content-type': 'application/problem+json' };

export default fastifyPlugin(
  async (app: FastifyInstance, { recognize }: { recognize: RecognizeProblem }) => {
    app.decorate('repeatedLines', new RepeatedLines());
    app.decorateReply('problemCode', '');
    app.decorate('asProblem', (error) => asProblem(error, { recognize }));
    app.setErrorHandler((error: FastifyError, request, reply) => {
      const isMissing = error.validationContext === 'body' && request.body === undefined;
      sendProblem(
        isMissing ? missingBody(request) : asProblem(error, { recognize, bodyLimit: request.routeOptions.bodyLimit }),
        error,
        request,
        reply,
      );
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

function missingBody({ routeOptions }: FastifyRequest): Problem {
  const { required = [] } = (routeOptions.schema?.body ?? {}) as { required?: string[] };
  return invalid('/', `is missing: send ${required.length > 0 ? `JSON with ${required.join(', ')}` : 'a JSON object'}`);
}

interface ProblemContext {
  /** Undefined where no layer below was reached yet. */
  recognize?: RecognizeProblem;
  /** Bytes that a body may have there. */
  bodyLimit?: number;
}

/** @returns the problem that `error` is for the client; TB_INTERNAL when it is a fault of ours */
function asProblem(error: unknown, { recognize, bodyLimit }: ProblemContext = {}): Problem {
  if (error instanceof Problem) return error;
  const { validation, validationContext, statusCode, code, message } = error as Partial<FastifyError>;
  // An error with a status is Fastify's own. Its ECONNRESET is a client that has left, and not the database.
  const recognized = statusCode === undefined ? recognize?.(error) : undefined;
  if (recognized) return recognized;
  // An address that names no board can't be told from one that names a board of others.
  if (validationContext === 'params') return notFound();
  if (validation) return invalidInput(validation.map(describeFault));
  if (code === 'FST_ERR_BAD_URL')
    return new Problem('TB_INVALID', 'The address is not percent-encoded as it should be.');
  // In its own words it would say the whole of it again.
  if (code === 'FST_ERR_MAX_PARAM_LENGTH') return new Problem('TB_INVALID', 'The address is too long.');
  if (code === 'FST_ERR_CTP_INVALID_MEDIA_TYPE') {
    return new Problem('TB_UNSUPPORTED_MEDIA_TYPE', 'Send JSON with Content-Type: application/json.', { cause: error });
  }
  if (statusCode === 413) {
    const most = bodyLimit === undefined ? '' : `A body has ${bodyLimit / 1024} KiB here at most. `;
    return new Problem('TB_TOO_LARGE', `${most}Send less at a time.`, { cause: error });
  }
  if (code === 'FST_ERR_CTP_INVALID_JSON_BODY') return invalid('/', 'must be JSON, and must not name a prototype');
  if (statusCode !== undefined && statusCode >= 400 && statusCode < 500) {
    return new Problem('TB_INVALID', message ?? 'The request cannot be read.', { cause: error });
  }
  return new Problem('TB_INTERNAL', 'This is a fault of the server. It has been logged.', { cause: error });
}

/** Answers and, where the fault is ours, logs it with its cause. */
export function sendProblem(problem: Problem, error: unknown, request: FastifyRequest, reply: FastifyReply): void {
  const { status, code } = problem;
  const { repeatedLines } = request.server;
  if (status === 500) {
    repeatedLines.tell(`${error} ${request.routeOptions.url}`, (repeated) =>
      request.log.error({ ...whatOf(request), ...repeated, err: error }, 'request failed'),
    );
  } else if (status === 503 && !problem.isLogged) {
    repeatedLines.tell(`${code} ${error}`, (repeated) =>
      request.log.warn({ ...whatOf(request), ...repeated, code, reason: String(error) }, 'request refused'),
    );
  }
  reply.problemCode = problem.code;
  // As bytes: Fastify adds a charset to text, and this media type has no such parameter (RFC 9457, 6.1).
  const body = Buffer.from(problem.toText());
  reply.code(problem.status).headers(problem.headers).type('application/problem+json').send(body);
}

/** For addresses that the router cannot read: no hook has seen the request. */
export function answerFrameworkError(error: FastifyError, request: FastifyRequest, reply: FastifyReply): void {
  sendProblem(asProblem(error), error, request, reply.headers({ ...bareHeaders, 'x-request-id': request.id }));
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
        ? ['TB_HEADERS_TOO_LARGE', `Cookies and header fields have ${HEAD_BYTES / 1024} KiB at most, all in all.`]
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

/** @param fault with the schema that it is of, because the validators are verbose */
function describeFault(fault: FastifySchemaValidationError & { parentSchema?: { [FAULT]?: string } }): InputFault {
  const { instancePath, keyword, params, parentSchema, message } = fault;
  const unknown = params.additionalProperty ?? params.unevaluatedProperty;
  if (unknown !== undefined) {
    return { path: `${instancePath}/${escapePointer(String(unknown))}`, message: 'is not a field that is known here' };
  }
  if (keyword === 'enum') {
    return { path: instancePath, message: `must be one of ${(params.allowedValues as string[]).join(', ')}` };
  }
  if (keyword === 'required') return { path: `${instancePath}/${params.missingProperty}`, message: 'is missing' };
  const said = keyword === 'pattern' || keyword === 'format' ? parentSchema?.[FAULT] : undefined;
  return { path: instancePath, message: said ?? message ?? 'is wrong' };
}
