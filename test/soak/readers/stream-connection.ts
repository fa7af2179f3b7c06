// One response of GET /boards/:id/events, read well or badly.

import http from 'node:http';
import { StringDecoder } from 'node:string_decoder';
import { createParser } from 'eventsource-parser';
import type { Frame } from './stream-frame.ts';

const ANSWER_MS = 5000;
const LOOK_MS = 500;

export interface StreamConnectionOptions {
  port: number;
  path: string;
  headers: Record<string, string>;
  /** How fast it reads; undefined: as fast as it can. */
  bytesPerSecond?: number | undefined;
  /** After so long without a byte the stream is taken for dead, as a page would. */
  silenceMs: number;
  onFrame: (frame: Frame) => void;
  onRetry: (ms: number) => void;
}

export interface StreamEnd {
  /** Undefined when there was no answer. */
  status: number | undefined;
  /** A code of Node, or what this side did. */
  reason: string;
}

export class StreamConnection {
  readonly #options: StreamConnectionOptions;
  readonly #request: http.ClientRequest;
  readonly #decoder = new StringDecoder('utf8');
  #response: http.IncomingMessage | undefined;
  #rest = '';
  #bytesPerSecond: number | undefined;
  #heardAt = performance.now();
  #isStalled = false;
  #end: StreamEnd = { status: undefined, reason: 'ended' };
  /** Resolves when the connection is gone, whoever ended it. */
  readonly ended: Promise<StreamEnd>;

  constructor(options: StreamConnectionOptions) {
    this.#options = options;
    this.#bytesPerSecond = options.bytesPerSecond;
    const { port, path, headers } = options;
    this.#request = http.get({ host: '127.0.0.1', port, path, headers, agent: false });
    this.ended = new Promise((resolve) => {
      const done = () => resolve(this.#end);
      this.#request.once('close', () => {
        // What came before the end is there to be read after it.
        if (!this.#response || this.#response.closed || this.#response.destroyed) done();
        else this.#response.once('close', done);
      });
    });
    this.#request.on('error', (error: NodeJS.ErrnoException) => this.#because(error.code ?? error.message));
    this.#request.once('response', (response) => this.#read(response));
    const answer = setTimeout(() => this.#destroy('no answer'), ANSWER_MS);
    this.#request.once('response', () => clearTimeout(answer));
    const look = setInterval(() => this.#look(), LOOK_MS);
    void this.ended.then(() => {
      clearTimeout(answer);
      clearInterval(look);
    });
  }

  /** Goes away: in order, or by a reset. */
  leave(byReset: boolean): void {
    this.#because('left');
    const { socket } = this.#request;
    if (byReset && socket) socket.resetAndDestroy();
    else this.#request.destroy();
  }

  /** Reads nothing until {@link hurry}. */
  stall(): void {
    this.#isStalled = true;
    this.#response?.pause();
  }

  /** From now on reads as fast as it can. */
  hurry(): void {
    this.#isStalled = false;
    this.#bytesPerSecond = undefined;
    this.#heardAt = performance.now();
    this.#response?.resume();
  }

  #read(response: http.IncomingMessage): void {
    this.#response = response;
    this.#end.status = response.statusCode;
    const { onRetry } = this.#options;
    let block = '';
    const parser = createParser({
      onRetry,
      onEvent: ({ event, id, data }) => this.#options.onFrame({ event, id, data, bytes: block }),
    });
    response.on('error', (error: NodeJS.ErrnoException) => this.#because(error.code ?? error.message));
    response.on('data', (chunk: Buffer) => {
      this.#heardAt = performance.now();
      const blocks = (this.#rest + this.#decoder.write(chunk)).split('\n\n');
      // What is not complete when the connection ends never was an event.
      this.#rest = blocks.pop() ?? '';
      for (const text of blocks) {
        block = `${text}\n\n`;
        if (response.headers['content-type'] === 'text/event-stream') parser.feed(block);
      }
      this.#slowDown(response, chunk.length);
    });
  }

  #slowDown(response: http.IncomingMessage, bytes: number): void {
    if (this.#bytesPerSecond === undefined) return;
    response.pause();
    setTimeout(
      () => {
        if (!this.#isStalled) response.resume();
      },
      (bytes / this.#bytesPerSecond) * 1000,
    );
  }

  #look(): void {
    const { silenceMs } = this.#options;
    if (!this.#isStalled && performance.now() - this.#heardAt > silenceMs) this.#destroy('silence');
  }

  #destroy(reason: string): void {
    this.#because(reason);
    this.#request.destroy();
  }

  /** The first reason is the one that counts. */
  #because(reason: string): void {
    if (this.#end.reason === 'ended') this.#end.reason = reason;
  }
}
