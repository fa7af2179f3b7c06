// The edge to one socket: better-sse's Connection, with what it leaves out (back pressure, and the end of a client).

import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from 'node:http';
import { Connection } from 'better-sse';
import { type Chunk, encodeChunk } from './frame.ts';

/** How long a client may take to read the last frames before its socket is destroyed. */
const LINGER_MS = 1000;

const streamHeaders = {
  'content-type': 'text/event-stream',
  'cache-control': 'no-store, no-transform',
  'x-accel-buffering': 'no',
};

// Session wants one and never looks at it: the head is sent by `sendHead`.
const unusedResponse = new Response(null);

/**
 * Differs from better-sse's own `NodeHttp1Connection` in that
 * - it parses neither the Host header nor the path, which throws on some that Node lets through, and obeys no
 *   `?padding` or `?evs_preamble` of the client;
 * - the headers that plugins have put on the reply go out too, although the reply is hijacked;
 * - a client that has left before the session exists counts as gone;
 * - it writes bytes that were framed once for all streams, and says how many of them the client has yet to take.
 */
export class SseConnection extends Connection {
  readonly url = new URL('http://localhost/');
  readonly request: Request;
  readonly response = unusedResponse;
  readonly #response: ServerResponse;
  readonly #headers: OutgoingHttpHeaders;
  readonly #gone = new AbortController();
  #vanished = false;

  /** @param headers those of the reply, which `reply.hijack()` keeps back */
  constructor(request: IncomingMessage, response: ServerResponse, headers: OutgoingHttpHeaders) {
    super();
    this.#response = response;
    this.#headers = { ...headers, ...streamHeaders };
    this.request = new Request(this.url, { signal: this.#gone.signal });
    const { socket } = request;
    socket.setNoDelay(true);
    const onError = ({ code }: NodeJS.ErrnoException) => {
      this.#vanished ||= code === 'ETIMEDOUT' || code === 'EHOSTUNREACH';
    };
    socket.on('error', onError);
    response.once('close', () => {
      // A connection that is kept alive has many streams, one after the other.
      socket.off('error', onError);
      this.#gone.abort();
    });
    // A write to a socket that has just gone emits this before 'close'; unheard, it would end the process.
    response.on('error', () => response.destroy());
    if (response.destroyed || socket.destroyed) this.#gone.abort();
  }

  /** Aborted when the client or the server has ended the response. Stays aborted. */
  get gone(): AbortSignal {
    return this.#gone.signal;
  }

  /** True when the client did not leave but stopped to answer, as TCP keepalive finds out. */
  get vanished(): boolean {
    return this.#vanished;
  }

  /** Bytes that were written and that the kernel has not taken yet. */
  get waitingBytes(): number {
    return this.#response.writableLength;
  }

  get socket() {
    return this.#response.socket;
  }

  // Instance fields and not methods: Session calls them detached, and NodeHttp1Connection, if this ever extends it
  // again, would shadow methods with its own fields.
  override sendHead = (): void => {
    if (!this.gone.aborted) this.#response.writeHead(200, this.#headers);
  };

  override sendChunk = (text: string): void => {
    if (!this.gone.aborted) this.#response.write(text);
  };

  override cleanup = (): void => {};

  /** Never blocks: whoever writes looks at {@link waitingBytes} first. */
  write({ text, framed }: Chunk): void {
    if (this.gone.aborted) return;
    const { socket } = this.#response;
    // Straight to the socket costs a quarter less than through the response, which frames each write anew. An
    // HTTP/1.0 client gets no chunks; a response that waits behind another of its connection has no socket yet.
    if (socket && this.#response.headersSent && this.#response.chunkedEncoding) socket.write(framed);
    else this.#response.write(text);
  }

  writeText(text: string): void {
    this.write(encodeChunk(text));
  }

  /**
   * Resolves when at most `bytes` are waiting, or the client is gone.
   *
   * @param stallMs how long nothing may move
   * @returns false when the kernel has taken nothing for that long
   */
  async drained(bytes: number, stallMs: number): Promise<boolean> {
    const { socket } = this.#response;
    while (socket && !this.gone.aborted && this.waitingBytes > bytes) {
      const taken = socket.bytesWritten - socket.writableLength;
      await this.#waitForWrite(stallMs);
      if (!this.gone.aborted && this.waitingBytes > bytes && socket.bytesWritten - socket.writableLength <= taken) {
        return false;
      }
    }
    return true;
  }

  /** Ends the response cleanly after a last frame; a client that does not read it is cut off a second later. */
  end(text: string): void {
    if (this.gone.aborted) return;
    this.#response.end(text);
    const cutOff = setTimeout(() => this.destroy(), LINGER_MS);
    this.gone.addEventListener('abort', () => clearTimeout(cutOff), { once: true });
  }

  destroy(): void {
    this.#response.destroy();
  }

  /** Resolves at the next 'drain' of the socket, when the client is gone, or after `stallMs`. */
  #waitForWrite(stallMs: number): Promise<void> {
    return new Promise((resolve) => {
      const { socket } = this.#response;
      const done = () => {
        clearTimeout(stalled);
        socket?.off('drain', done);
        this.gone.removeEventListener('abort', done);
        resolve();
      };
      const stalled = setTimeout(done, stallMs);
      socket?.once('drain', done);
      this.gone.addEventListener('abort', done, { once: true });
    });
  }
}
