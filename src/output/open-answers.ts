// The ordinary answers that are under way: what waits of them, and which clients do not take theirs.

import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Logger } from '../logging/logger.ts';
import { readSendQueue } from './send-queue.ts';
import type { Waiting, WaitingBytes } from './waiting-bytes.ts';

const LOOK_INTERVAL_MS = 1000;

interface Connection {
  socket: Socket;
  /** Those that the kernel has not taken whole, and their bytes. (The next may begin before the end of one is told.) */
  answers: Map<ServerResponse, number>;
  /** When its client took something for the last time, as far as is known. */
  movedAt: number;
  /** What the kernel had taken by then, in all, and had to send when that was looked at. */
  taken: number;
  sendQueue: number | undefined;
}

export interface OpenAnswersOptions {
  waiting: WaitingBytes;
  log: Logger;
}

/**
 * Node keeps an answer as a whole until the kernel has taken the last byte of it, and waits for that without an end. So
 * - a client that takes nothing for the stall limit is cut off; one that takes a little goes on;
 * - when answers are over their part of the budget, those go first whose clients have taken nothing for the longest.
 */
export class OpenAnswers implements Waiting {
  readonly #options: OpenAnswersOptions;
  readonly #connections = new WeakMap<Socket, Connection>();
  /** Those that have answers under way. */
  readonly #busy = new Set<Connection>();
  #waitingBytes = 0;
  #isLooking = false;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: OpenAnswersOptions) {
    this.#options = options;
    options.waiting.include(this);
  }

  get waitingBytes(): number {
    return this.#waitingBytes;
  }

  start(): void {
    // One look for all, and none at the connections that are idle.
    this.#timer ??= setInterval(() => void this.#look(), LOOK_INTERVAL_MS);
    this.#timer.unref();
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  /**
   * Call when the answer is complete and about to be written.
   *
   * @param bytes that are kept for it until then
   */
  add(request: IncomingMessage, response: ServerResponse, bytes: number): void {
    // A client that left while its answer was made: nothing will say so again.
    if (request.socket.destroyed) return;
    const connection = this.#connectionOf(request.socket);
    if (connection.answers.size === 0) {
      this.#busy.add(connection);
      connection.movedAt = performance.now();
      connection.sendQueue = undefined;
    }
    this.#count(bytes - (connection.answers.get(response) ?? 0));
    connection.answers.set(response, bytes);
    if (this.#options.waiting.roomOf(this) < 0) this.#relieve(connection);
  }

  /** Call when the kernel has all of it. (Of a connection that ends, nothing waits: it is known here.) */
  delete(request: IncomingMessage, response: ServerResponse): void {
    const connection = this.#connections.get(request.socket);
    if (!connection) return;
    this.#count(-(connection.answers.get(response) ?? 0));
    connection.answers.delete(response);
    connection.movedAt = performance.now();
    if (connection.answers.size === 0) this.#busy.delete(connection);
  }

  #connectionOf(socket: Socket): Connection {
    const known = this.#connections.get(socket);
    if (known) return known;
    const connection = { socket, answers: new Map(), movedAt: 0, taken: 0, sendQueue: undefined };
    this.#connections.set(socket, connection);
    // Of the socket: a response tells of its end, but not of the end of its client.
    socket.once('close', () => this.#forget(connection));
    return connection;
  }

  #forget(connection: Connection): void {
    for (const bytes of connection.answers.values()) this.#count(-bytes);
    connection.answers.clear();
    this.#busy.delete(connection);
  }

  #count(bytes: number): void {
    this.#waitingBytes += bytes;
  }

  /** @param newest has not had the time to be taken */
  #relieve(newest: Connection): void {
    const others = [...this.#busy].filter((connection) => connection !== newest);
    for (const connection of others) noteMovement(connection);
    others.sort((one, other) => one.movedAt - other.movedAt);
    for (const connection of others) {
      if (this.#options.waiting.roomOf(this) >= 0) return;
      this.#cut(connection, 'too much waits on this node');
    }
  }

  async #look(): Promise<void> {
    if (this.#isLooking) return;
    this.#isLooking = true;
    const { stallMs } = this.#options.waiting;
    const now = performance.now();
    for (const connection of [...this.#busy]) {
      noteMovement(connection);
      // Most who lag do so for a moment: only who still does is looked at more closely. All share one such look.
      if (now - connection.movedAt < stallMs / 6) continue;
      await noteAcknowledgement(connection);
      if (connection.answers.size > 0 && performance.now() - connection.movedAt >= stallMs) {
        this.#cut(connection, 'its client takes nothing');
      }
    }
    this.#isLooking = false;
  }

  #cut(connection: Connection, why: string): void {
    const { socket, answers, movedAt } = connection;
    const bytes = [...answers.values()].reduce((sum, each) => sum + each, 0);
    const stillMs = Math.round(performance.now() - movedAt);
    this.#options.log.info({ answers: answers.size, bytes, stillMs }, `answer cut: ${why}`);
    this.#forget(connection);
    socket.destroy();
  }
}

function noteMovement(connection: Connection): void {
  const { bytesWritten, writableLength } = connection.socket;
  const taken = bytesWritten - writableLength;
  // Where nothing waits, it is for us that the client waits.
  if (taken === connection.taken && writableLength > 0) return;
  connection.taken = taken;
  connection.movedAt = performance.now();
  connection.sendQueue = undefined;
}

/**
 * The kernel takes more from us only when a third of its buffer is free, and Node tells of a write only when all of it is
 * taken: to a client that reads little by little nothing seems to go for minutes. Then what is under way has changed.
 */
async function noteAcknowledgement(connection: Connection): Promise<void> {
  const sendQueue = await readSendQueue(connection.socket).catch(() => undefined);
  if (sendQueue === undefined || sendQueue === connection.sendQueue) return;
  if (connection.sendQueue !== undefined) connection.movedAt = performance.now();
  connection.sendQueue = sendQueue;
}
