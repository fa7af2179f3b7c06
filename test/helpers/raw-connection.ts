// A connection on which a test writes bytes as it likes.

import net from 'node:net';
import type { Answer } from './client.ts';
import type { TestNode } from './node.ts';
import type { Teardown } from './teardown.ts';
import { until } from './until.ts';

export class RawConnection {
  readonly #socket: net.Socket;
  /** All that has come. */
  text = '';
  closed = false;

  constructor(t: Teardown, { port }: Pick<TestNode, 'port'>) {
    this.#socket = net.connect(port, '127.0.0.1');
    this.#socket.setEncoding('utf8');
    this.#socket.on('data', (text: string) => {
      this.text += text;
    });
    this.#socket.on('error', () => {});
    this.#socket.on('close', () => {
      this.closed = true;
    });
    t.teardown(() => this.#socket.destroy());
  }

  write(bytes: string | Buffer): void {
    this.#socket.write(bytes);
  }

  /** Reads nothing more until {@link resume}. */
  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  destroy(): void {
    this.#socket.destroy();
  }

  /** How many answers have begun. */
  get answers(): number {
    return this.text.match(/HTTP\/1\.1 \d{3} /g)?.length ?? 0;
  }

  /** What has come, as one answer, when the server has ended the connection. */
  async answer(timeoutMs?: number): Promise<Answer> {
    await until(() => this.closed, 'the end of the connection', timeoutMs);
    return this.lastAnswer();
  }

  lastAnswer(): Answer {
    const [head = '', body = ''] = this.text.slice(this.text.lastIndexOf('HTTP/1.1 ')).split('\r\n\r\n');
    const [statusLine = '', ...fields] = head.split('\r\n');
    const headers = new Headers(fields.map((field) => field.split(/: (.*)/s).slice(0, 2) as [string, string]));
    return { status: Number(statusLine.split(' ')[1]), headers, body: body.startsWith('{') ? JSON.parse(body) : {} };
  }
}
