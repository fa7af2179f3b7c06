// One attempt: a request to a webhook's address, and what became of it.

import { Agent, type IncomingMessage, request as requestPlain } from 'node:http';
import { request as requestTls, Agent as TlsAgent } from 'node:https';
import type { LookupFunction } from 'node:net';
import { readRetryAfter } from './retry.ts';
import { isClosed } from './webhook-url.ts';

/** Nobody reads an answer; this much is taken, so that the connection can be used again. */
const MAX_ANSWER_BYTES = 16 * 1024;
/** How long a connection that nobody uses is kept. */
const IDLE_MS = 10_000;
const MAX_FAILURE_LENGTH = 100;

export interface PostOptions {
  /** Whether it may lead anywhere, also without TLS. */
  allowPrivate: boolean;
  /** How a name becomes an address; undefined: as the system does it. */
  lookup: LookupFunction | undefined;
  userAgent: string;
  timings: {
    /** How long a connection may take, with TLS. */
    connectMs: number;
    /** How long all of it may take. */
    answerMs: number;
  };
}

export type Outcome =
  | { isTaken: true }
  | {
      isTaken: false;
      /** What a person is told. */
      failure: string;
      retryAfterMs: number;
      /** Its receiver is never to be asked again. */
      isGone: boolean;
    };

export interface Post {
  /** @throws only when the signal is aborted */
  send(url: string, headers: Record<string, string>, body: string, signal: AbortSignal): Promise<Outcome>;
  /** Ends the connections that nobody uses. */
  close(): void;
}

export function createPost({ allowPrivate, lookup, userAgent, timings }: PostOptions): Post {
  const agents = { plain: new Agent(agentOptions), tls: new TlsAgent(agentOptions) };

  const attempt = (address: URL, headers: Record<string, string>, body: string, signal: AbortSignal) =>
    new Promise<IncomingMessage>((resolve, reject) => {
      const isTls = address.protocol === 'https:';
      const request = (isTls ? requestTls : requestPlain)(address, {
        method: 'POST',
        headers: { ...headers, 'user-agent': userAgent, 'content-length': Buffer.byteLength(body) },
        agent: isTls ? agents.tls : agents.plain,
        ...(lookup && { lookup }),
        signal,
      });
      const end = (what: string) => request.destroy(new Error(what));
      const connecting = setTimeout(() => end('no connection in time'), timings.connectMs);
      const answering = setTimeout(() => end('no answer in time'), timings.answerMs);
      request.once('socket', (socket) => {
        if (request.reusedSocket) clearTimeout(connecting);
        else socket.once(isTls ? 'secureConnect' : 'connect', () => clearTimeout(connecting));
      });
      let answer: IncomingMessage | undefined;
      request.once('response', (response) => {
        answer = response;
        let bytes = 0;
        response.on('data', (chunk: Buffer) => {
          bytes += chunk.length;
          if (bytes > MAX_ANSWER_BYTES) response.destroy();
        });
        // What it has said with its status holds, whatever becomes of the rest.
        response.on('error', () => {});
      });
      let error: Error | undefined;
      request.once('error', (cause) => {
        error = Object.assign(cause, { mayRepeat: request.reusedSocket && isReset(cause) });
      });
      request.once('close', () => {
        clearTimeout(connecting);
        clearTimeout(answering);
        if (answer) resolve(answer);
        else reject(error ?? new Error('no answer'));
      });
      request.end(body);
    });

  return {
    async send(url, headers, body, signal) {
      const address = new URL(url);
      if (!allowPrivate && (address.protocol !== 'https:' || isClosed(address))) return failed('it is not public');
      try {
        const answer = await attempt(address, headers, body, signal).catch((error) => {
          // Its end had closed the connection while nobody used it.
          if (!error.mayRepeat || signal.aborted) throw error;
          return attempt(address, headers, body, signal);
        });
        return readAnswer(answer);
      } catch (error) {
        signal.throwIfAborted();
        return failed(describe(error as NodeJS.ErrnoException));
      }
    },

    close() {
      agents.plain.destroy();
      agents.tls.destroy();
    },
  };
}

const agentOptions = { keepAlive: true, timeout: IDLE_MS, maxFreeSockets: 64 };

function readAnswer({ statusCode = 0, headers }: IncomingMessage): Outcome {
  if (statusCode >= 200 && statusCode < 300) return { isTaken: true };
  const isRedirect = statusCode >= 300 && statusCode < 400;
  return {
    isTaken: false,
    failure: `it answered ${statusCode}${isRedirect ? ': no redirect is followed' : ''}`,
    retryAfterMs: readRetryAfter(headers['retry-after'], Date.now()),
    isGone: statusCode === 410,
  };
}

function failed(failure: string): Outcome {
  return { isTaken: false, failure: failure.slice(0, MAX_FAILURE_LENGTH), retryAfterMs: 0, isGone: false };
}

function isReset({ code }: NodeJS.ErrnoException): boolean {
  return code === 'ECONNRESET' || code === 'EPIPE';
}

/** The code alone, where there is one: the message names addresses of the network around this server. */
function describe({ code, message }: NodeJS.ErrnoException): string {
  return code === undefined || code === 'NOT_PUBLIC' ? message : `no connection: ${code}`;
}
