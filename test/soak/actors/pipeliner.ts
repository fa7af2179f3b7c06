// A client that sends its next requests without waiting for an answer, behind a stream that never ends.

import net from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import type { Figures } from '../figures.ts';
import type { Random } from '../random.ts';
import type { OpenStreams } from '../readers/open-streams.ts';
import type { Ledger, Mutation } from '../rules/ledger.ts';
import type { Violations } from '../violations.ts';
import type { SoakBoard, SoakUser } from '../world/boards.ts';
import type { SoakNode } from '../world/soak-node.ts';
import { Routine } from './routine.ts';

const PACE_MS = 2000;
const LONGEST_MS = 6000;

export interface PipelinerOptions {
  board: SoakBoard;
  user: SoakUser;
  nodes: SoakNode[];
  random: Random;
  ledger: Ledger;
  openStreams: OpenStreams;
  figures: Figures;
  violations: Violations;
}

interface Seen {
  /** All that came. */
  text: string;
  /** Whether the server has ended the stream or the connection, and not this side. */
  wasEnded: boolean;
}

/** What is behind a stream waits for its turn, which does not come: nobody is answered, and nothing is written. */
export class Pipeliner extends Routine {
  readonly #options: PipelinerOptions;
  #count = 0;

  constructor(options: PipelinerOptions) {
    super();
    this.#options = options;
  }

  describe(): string {
    return `the pipeliner of ${this.#options.board.name}, at connection ${this.#count}`;
  }

  protected pauseMs(): number {
    return PACE_MS * this.#options.random.between(0.5, 1.5);
  }

  protected async turn(): Promise<void> {
    const { random, nodes } = this.#options;
    await this.#connect(random.pick(nodes));
  }

  async #connect({ port, index }: SoakNode): Promise<void> {
    const { board, random, ledger, figures, violations } = this.#options;
    this.#count += 1;
    const mutation = ledger.begin(`pipelined/${board.name.replaceAll(' ', '-')}/${this.#count}`, board.id, 1);
    const version = random.chance(0.2) ? '1.0' : '1.1';
    const requests = random.chance(0.5)
      ? [this.#stream(version), this.#stream(version), this.#write(version, mutation)]
      : [this.#stream(version), this.#write(version, mutation), this.#stream(version)];
    const { text, wasEnded } = await this.#send(port, requests.join(''));
    const isOpen = /event: ?ready/.test(text);
    // When the stream has ended the next one has its turn: nobody knows whether it was done.
    if (isOpen && !wasEnded) ledger.refuse(mutation);
    else ledger.retry(mutation);
    figures.count('pipelines', isOpen ? (wasEnded ? 'ended by the node' : 'left') : 'not opened');
    const answers = text.match(/^HTTP\/1\.[01] \d{3}/gm)?.length ?? 0;
    if (isOpen && !wasEnded && answers > 1) {
      violations.add('nothing is answered behind an open stream', `node ${index}: ${text.slice(-1000)}`);
    }
  }

  /** @returns what came until this side left, after some seconds, or the server did */
  async #send(port: number, bytes: string): Promise<Seen> {
    const { random, openStreams, board, user } = this.#options;
    const socket = net.connect(port, '127.0.0.1');
    const seen: Seen = { text: '', wasEnded: false };
    const streamIds = new Set<string>();
    socket.setEncoding('utf8');
    socket.on('error', () => {});
    socket.on('data', (text: string) => {
      seen.text += text;
      for (const [, streamId = ''] of seen.text.matchAll(/^data: ?\{"streamId":"([^"]+)"/gm)) {
        if (!streamIds.has(streamId)) openStreams.opened(streamId, board.id, user.id);
        streamIds.add(streamId);
      }
    });
    const closed = new Promise<true>((resolve) => socket.once('close', () => resolve(true)));
    socket.write(bytes);
    const left = delay(random.between(500, LONGEST_MS), false, { signal: this.stopping }).catch(() => false);
    seen.wasEnded = await Promise.race([closed, left]);
    socket.destroy();
    await closed;
    for (const streamId of streamIds) openStreams.ended(streamId, board.id);
    seen.wasEnded ||= /^event: ?close/m.test(seen.text);
    return seen;
  }

  #stream(version: string): string {
    return this.#request('GET', `/boards/${this.#options.board.id}/events`, version, ['Accept: text/event-stream']);
  }

  #write(version: string, { id }: Mutation): string {
    const body = JSON.stringify({ text: id });
    const fields = ['Content-Type: application/json', `Content-Length: ${body.length}`, `Idempotency-Key: ${id}`];
    return this.#request('POST', `/boards/${this.#options.board.id}/items`, version, fields) + body;
  }

  #request(method: string, path: string, version: string, fields: string[]): string {
    const { cookie } = this.#options.user;
    const lines = [
      `${method} ${path} HTTP/${version}`,
      'Host: localhost',
      `Cookie: ${cookie}`,
      'Connection: keep-alive',
    ];
    return `${[...lines, ...fields].join('\r\n')}\r\n\r\n`;
  }
}
