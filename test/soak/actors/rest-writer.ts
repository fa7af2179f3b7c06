// A writer that uses the API: it repeats each write, under its key and at any node, until it is answered.

import { setTimeout as delay } from 'node:timers/promises';
import type { Random } from '../random.ts';
import type { Ledger, Mutation } from '../rules/ledger.ts';
import type { Violations } from '../violations.ts';
import type { SoakBoard, SoakUser } from '../world/boards.ts';
import type { SoakNode } from '../world/soak-node.ts';
import { Routine } from './routine.ts';

const ANSWER_MS = 7000;
const LONGEST_RETRY_MS = 1000;
const MOST_ITEMS = 12;
/** How often ids are written in capitals. */
const IN_CAPITALS = 0.15;

export interface RestWriterOptions {
  name: string;
  board: SoakBoard;
  user: SoakUser;
  nodes: SoakNode[];
  random: Random;
  ledger: Ledger;
  violations: Violations;
  /** Of a stream that this user has open now: its writes are its own there. */
  ownStreamId?: () => string | undefined;
}

interface Request {
  method: 'POST' | 'PATCH' | 'DELETE';
  /** With the ids in small letters; each time it is sent it may be in another spelling. */
  path: string;
  body?: object;
  expected: number;
}

interface Answer {
  status: number;
  item: { id: string; version: number } | undefined;
}

/** Its items are its own, so it knows which version each of them must have. */
export class RestWriter extends Routine {
  readonly #options: RestWriterOptions;
  readonly #versions = new Map<string, number>();
  #count = 0;
  /** The write that is under way. */
  #mutation: Mutation | undefined;

  constructor(options: RestWriterOptions) {
    super();
    this.#options = options;
  }

  describe(): string {
    return `${this.#options.name}, at mutation ${this.#mutation?.id}, repeated ${this.#mutation?.retries} times`;
  }

  protected pauseMs(): number {
    const { board, random } = this.#options;
    return board.paceMs * random.between(0.2, 1.8);
  }

  protected async turn(): Promise<void> {
    await this.#write();
  }

  async #write(): Promise<void> {
    const { ledger, violations, name, board } = this.#options;
    const request = this.#choose();
    this.#count += 1;
    const mutation = ledger.begin(`${name}/${this.#count}`, board.id, 1);
    this.#mutation = mutation;
    const answer = await this.#repeat(request, mutation);
    if (answer.status !== request.expected) {
      violations.add('a write is answered as it should be', `${request.method} ${request.path}: ${answer.status}`);
      return;
    }
    ledger.acknowledge(mutation);
    this.#remember(request, answer);
  }

  #choose(): Request {
    const { random, board } = this.#options;
    const items = `/boards/${board.id}/items`;
    const text = this.#text();
    const ids = [...this.#versions.keys()];
    if (ids.length === 0 || (ids.length < MOST_ITEMS && random.chance(0.3))) {
      return { method: 'POST', path: items, body: { text, x: random.whole(-500, 500) }, expected: 201 };
    }
    const path = `${items}/${random.pick(ids)}`;
    if (random.chance(0.2)) return { method: 'DELETE', path, expected: 204 };
    const data = { turn: this.#count, filler: 'x'.repeat(board.fillerLength) };
    return { method: 'PATCH', path, body: { text, data }, expected: 200 };
  }

  #text(): string {
    const { name, random, board } = this.#options;
    const text = `${name} ${this.#count} – “ünï” 🧷 `;
    return text.padEnd(random.whole(30, board.textLength), 'lorem ipsum ');
  }

  async #repeat(request: Request, mutation: Mutation): Promise<Answer> {
    const { ledger, nodes, random } = this.#options;
    for (;;) {
      for (const node of random.shuffled(nodes)) {
        const outcome = await this.#send(request, mutation, node);
        if ('status' in outcome) return outcome;
        ledger.retry(mutation);
        await delay(outcome.retryMs);
      }
    }
  }

  async #send(request: Request, mutation: Mutation, node: SoakNode): Promise<Answer | { retryMs: number }> {
    const { user, ledger, random, ownStreamId } = this.#options;
    // Of an id there is one, however it is written: the same key under the other spelling is the same request.
    const path = random.chance(IN_CAPITALS) ? inCapitals(request.path) : request.path;
    const streamId = ownStreamId?.();
    mutation.streamIds.push(streamId);
    try {
      const response = await fetch(node.url + path, {
        method: request.method,
        headers: {
          cookie: user.cookie,
          'idempotency-key': mutation.id,
          ...(streamId !== undefined && {
            'stream-id': random.chance(IN_CAPITALS) ? streamId.toUpperCase() : streamId,
          }),
          ...(request.body && { 'content-type': 'application/json' }),
        },
        ...(request.body && { body: JSON.stringify(request.body) }),
        signal: AbortSignal.timeout(ANSWER_MS),
      });
      const text = await response.text();
      if (response.status === 503) {
        ledger.counts.unavailable += 1;
        const retryMs = Number(response.headers.get('retry-after')) * 1000;
        return { retryMs: Math.min(LONGEST_RETRY_MS, retryMs || LONGEST_RETRY_MS) };
      }
      if (response.headers.get('idempotent-replayed')) ledger.counts.replayed += 1;
      return { status: response.status, item: text ? JSON.parse(text).item : undefined };
    } catch {
      return { retryMs: 100 };
    }
  }

  /** What it was told must fit what it knows: a write that was lost, or done twice, shows in the version. */
  #remember({ method, path }: Request, { item }: Answer): void {
    const { violations, name } = this.#options;
    const id = method === 'POST' ? (item?.id ?? '') : path.slice(path.lastIndexOf('/') + 1);
    if (method === 'DELETE') {
      this.#versions.delete(id);
      return;
    }
    const expected = (this.#versions.get(id) ?? 0) + 1;
    if (item?.id !== id || item.version !== expected) {
      const is = `${item?.id} version ${item?.version}, not ${id} version ${expected}`;
      violations.add('an item has the version of its last change', `${name}: ${is}`);
    }
    this.#versions.set(id, item?.version ?? expected);
  }
}

function inCapitals(path: string): string {
  return path.replaceAll(/[0-9a-f]{8}-[0-9a-f-]{27}/g, (id) => id.toUpperCase());
}
