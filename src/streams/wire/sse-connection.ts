// The edge to one socket: better-sse's Connection, with what it leaves out (back pressure, and the end of a client).

import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { Connection } from 'better-sse';
import { readSendQueue } from '../../output/send-queue.ts';
import { LEAST_PER_STREAM, type WaitingBytes } from '../../output/waiting-bytes.ts';
import { CHUNK_END, type Chunk, chunkHead, encodeChunk } from './frame.ts';

/** A client is written to again when no more than this part of its allowance is waiting. */
const RESUME_AT = 1 / 4;
/** How long a client may take to read the last frames before its socket is destroyed. */
const LINGER_MS = 1000;

const streamHeaders = {
  'content-type': 'text/event-stream',
  'cache-control': 'no-store, no-transform',
  'x-accel-buffering': 'no',
};

// Session wants one and never looks at it: the head is sent by `sendHead`.
const unusedResponse = new Response(null);
const unusedUrl = new URL('http://localhost/');

/**
 * Differs from better-sse's own `NodeHttp1Connection` in that
 * - it parses neither the Host header nor the path, which throws on some that Node lets through, and obeys no
 *   `?padding` or `?evs_preamble` of the client;
 * - the headers that plugins have put on the reply go out too, although the reply is hijacked;
 * - a client that has left before the session exists counts as gone;
 * - it writes bytes that were framed once for all streams, and says how many of them the client has yet to take.
 */
export class SseConnection extends Connection {
  readonly url = unusedUrl;
  readonly request: Request;
  readonly response = unusedResponse;
  readonly #response: ServerResponse;
  readonly #headers: OutgoingHttpHeaders;
  readonly #sent: { socket: Socket; before: number };
  readonly #waiting: WaitingBytes;
  readonly #gone = new AbortController();
  /** The same, for each write: asking the signal costs as much as a small write does. */
  #isGone = false;
  /** Who replays waits for the socket to be empty, or is inside a frame: nothing is written at once then. */
  isHeld = false;
  /** The socket, while frames may go straight to it: found once, as no look at the response is as cheap. */
  #direct: Socket | undefined;
  #vanished = false;

  /**
   * @param headers those of the reply, which `reply.hijack()` keeps back
   * @param waiting counts what waits on this node
   */
  constructor(request: IncomingMessage, response: ServerResponse, headers: OutgoingHttpHeaders, waiting: WaitingBytes) {
    super();
    this.#waiting = waiting;
    this.#response = response;
    this.#headers = { ...headers, ...streamHeaders };
    // All that Session asks of it. A whole one has a signal of its own, which follows this one and is kept with it.
    this.request = { signal: this.#gone.signal } as Request;
    const { socket } = request;
    this.#sent = { socket, before: socket.bytesWritten };
    socket.setNoDelay(true);
    const onError = ({ code }: NodeJS.ErrnoException) => {
      this.#vanished ||= code === 'ETIMEDOUT' || code === 'EHOSTUNREACH';
    };
    socket.on('error', onError);
    response.once('close', () => {
      // A connection that is kept alive has many streams, one after the other.
      socket.off('error', onError);
      this.#waiting.remove(this);
      this.#leave();
    });
    // A write to a socket that has just gone emits this before 'close'; unheard, it would end the process.
    response.on('error', () => response.destroy());
    if (response.destroyed || socket.destroyed) this.#leave();
  }

  #leave(): void {
    this.#isGone = true;
    this.#direct = undefined;
    // With a reason: else one is made, with a stack, that nobody reads.
    this.#gone.abort('gone');
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

  /** Bytes that it has written, as of the head of the answer. Known after its end too. */
  get sentBytes(): number {
    const { socket, before } = this.#sent;
    return socket.bytesWritten - before;
  }

  /** How many more bytes may be written now; 0 or less: none, until it is {@link drained}. */
  get room(): number {
    return this.#waiting.allowance - this.waitingBytes;
  }

  get socket() {
    return this.#response.socket;
  }

  // Instance fields and not methods: Session calls them detached, and NodeHttp1Connection, if this ever extends it
  // again, would shadow methods with its own fields.
  override sendHead = (): void => {
    if (this.gone.aborted) return;
    this.#response.writeHead(200, this.#headers).flushHeaders();
    this.#direct = this.#plainSocket;
  };

  // Called with nothing once, by a session that writes no `retry:`: frames are written by `write` alone.
  override sendChunk = (): void => {};

  override cleanup = (): void => {};

  /** Never blocks: whoever writes looks at {@link room} first. */
  write(chunk: Chunk): void {
    if (this.#isGone) return;
    const socket = this.#plainSocket;
    if (socket) socket.write(chunk.framed);
    else this.#response.write(chunk.text);
    // What the kernel takes at once, which is the rule, needs no counting.
    if (this.waitingBytes > 0) this.#waiting.add(this, chunk.text.length);
  }

  /**
   * The same for a client of whom nothing waits, as of most: what it is sent then needs no room, nor a look at the budget.
   *
   * @returns the bytes that wait now, none as a rule; undefined when it was not written, and {@link room} has to be
   *   looked at
   */
  writeAtOnce(chunk: Chunk): number | undefined {
    const socket = this.#direct;
    if (!socket || this.isHeld || socket.writableLength > 0 || chunk.framed.length > LEAST_PER_STREAM) return undefined;
    socket.write(chunk.framed);
    const { writableLength } = socket;
    if (writableLength > 0) this.#waiting.add(this, chunk.text.length);
    return writableLength;
  }

  /** Like {@link write}, of buffers that others hold as well: they are not copied, however long they wait here. */
  writeParts(parts: Buffer[]): void {
    if (this.#isGone) return;
    const bytes = parts.reduce((sum, part) => sum + part.length, 0);
    const socket = this.#plainSocket;
    const out = socket ?? this.#response;
    // Corked, they leave in one system call.
    out.cork();
    if (socket) socket.write(chunkHead(bytes), 'latin1');
    for (const part of parts) out.write(part);
    if (socket) socket.write(CHUNK_END);
    out.uncork();
    if (this.waitingBytes > 0) this.#waiting.add(this, bytes);
  }

  /**
   * The socket, when chunks may go straight to it, which costs a quarter less than through the response, which frames
   * each write anew. An HTTP/1.0 client gets no chunks; a response that waits behind another of its connection has no
   * socket yet.
   */
  get #plainSocket(): Socket | undefined {
    const { socket, headersSent, chunkedEncoding } = this.#response;
    return socket && headersSent && chunkedEncoding ? socket : undefined;
  }

  writeText(text: string): void {
    this.write(encodeChunk(text));
  }

  /**
   * Resolves when there is room again, or the client is gone.
   *
   * @param resumeAt the part of its allowance that may still wait then; 0: nothing
   * @returns false when the peer has acknowledged nothing for as long as it may
   */
  async drained(resumeAt = RESUME_AT): Promise<boolean> {
    const { socket } = this.#response;
    const { stallMs } = this.#waiting;
    const isFull = () => !this.gone.aborted && this.waitingBytes > this.#waiting.allowance * resumeAt;
    // Of a response without a socket nothing ever goes.
    if (!socket) return !isFull();
    while (isFull()) {
      // Most who lag do so for a moment: only who still does is looked at more closely.
      if (await this.#flushes(socket, stallMs / 6)) continue;
      const before = await readSendQueue(socket);
      if (await this.#flushes(socket, stallMs)) continue;
      // The kernel takes more from us only when a third of its buffer is free, which may be a megabyte: to a client
      // that reads little by little nothing goes for minutes, and yet it moves. Then what is under way has become
      // less, or more where the kernel has taken some.
      if (isFull() && (await readSendQueue(socket)) === before) return false;
    }
    return true;
  }

  /** Ends the response cleanly after a last frame; a client that does not read it is cut off a second later. */
  end(text: string): void {
    if (this.gone.aborted) return;
    this.#direct = undefined;
    this.#response.end(text);
    const cutOff = setTimeout(() => this.destroy(), LINGER_MS);
    this.gone.addEventListener('abort', () => clearTimeout(cutOff), { once: true });
  }

  destroy(): void {
    this.#response.destroy();
  }

  /** @returns true when the kernel has taken all that was written so far, or the client is gone; false after the time */
  #flushes(socket: Socket, withinMs: number): Promise<boolean> {
    return new Promise((resolve) => {
      const settle = (isFlushed: boolean) => {
        clearTimeout(late);
        this.gone.removeEventListener('abort', onGone);
        resolve(isFlushed);
      };
      const onGone = () => settle(true);
      const late = setTimeout(settle, withinMs, false);
      this.gone.addEventListener('abort', onGone, { once: true });
      // Called in its turn, after what was written before it. (A 'drain' comes only to who has passed the mark of the
      // socket, which may be more than there is room for.) A socket that has failed answers at once: then the client is
      // gone in a moment, and whoever waits must not ask again before that.
      socket.write('', (error) => {
        if (!error) settle(true);
      });
    });
  }
}
