// A client of a node, as it is reached through all that stands in front: its requests, and who it is.

import { createParser } from 'eventsource-parser';
import type { CheckEvent, ReadCheck } from '../way/measure-way.ts';
import { Fault } from './report.ts';

const ANSWER_MS = 15_000;
/** As long as the longest silence that can be asked for, and what a proxy may hold back. */
const STREAM_MS = 120_000;

export interface Answer {
  status: number;
  headers: Headers;
  // biome-ignore lint/suspicious/noExplicitAny: whoever asks knows what is answered, and whoever stands in between may answer anything
  body: any;
}

export class ClientOfNode {
  readonly #url: string;
  readonly #stopping: AbortSignal;
  /** What says who is calling. */
  #identity: Record<string, string>;
  #isGuest = false;

  /**
   * @param url without a slash at the end
   * @param token of somebody; undefined: {@link enter} makes a guest
   */
  constructor(url: string, token: string | undefined, stopping: AbortSignal) {
    this.#url = url;
    this.#stopping = stopping;
    this.#identity = token === undefined ? {} : { authorization: `Bearer ${token}` };
  }

  /** @throws Fault when nobody answers */
  async ask(path: string, init: RequestInit = {}): Promise<Answer> {
    return this.#ask(path, init, this.#within(ANSWER_MS));
  }

  async #ask(path: string, init: RequestInit, signal: AbortSignal): Promise<Answer> {
    const response = await this.#fetch(path, init, signal);
    const text = await response.text().catch((error) => {
      throw this.#unreached(error);
    });
    return { status: response.status, headers: response.headers, body: parse(text) };
  }

  /** Becomes a guest, unless there is a token. @throws Fault when that is refused */
  async enter(): Promise<void> {
    if (this.#identity.authorization !== undefined) return;
    const { status, headers, body } = await this.ask('/guests', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ name: 'teamboard doctor' }),
    });
    if (status !== 201) {
      const why = typeof body?.detail === 'string' ? body.detail : 'without a reason';
      throw new Fault(`POST /guests answers ${status}: ${why} A token in TEAMBOARD_TOKEN takes the place of a guest.`);
    }
    this.#identity = {
      cookie: headers
        .getSetCookie()
        .map((cookie) => cookie.split(';')[0])
        .join('; '),
    };
    this.#isGuest = true;
  }

  /** The guest goes, and all that it had: also when somebody has ended the rest. */
  async leave(): Promise<void> {
    if (!this.#isGuest) return;
    this.#isGuest = false;
    await this.#ask('/users/me', { method: 'DELETE' }, AbortSignal.timeout(ANSWER_MS));
  }

  /** @param onAnswer is told each answer, before its events */
  readCheck(onAnswer: (response: Response) => void): ReadCheck {
    return async (query, { onHead, onEvent }) => {
      const response = await this.#fetch(`/streams/check?${query}`, {}, this.#within(STREAM_MS));
      onAnswer(response);
      onHead(response.headers.get('content-encoding') ?? '');
      const { feed } = createParser({
        onEvent: ({ event = 'message', data }) => onEvent(event, JSON.parse(data) as CheckEvent),
      });
      const decoder = new TextDecoder();
      for await (const part of response.body ?? []) feed(decoder.decode(part as Uint8Array, { stream: true }));
    };
  }

  #within(patienceMs: number): AbortSignal {
    return AbortSignal.any([this.#stopping, AbortSignal.timeout(patienceMs)]);
  }

  async #fetch(path: string, init: RequestInit, signal: AbortSignal): Promise<Response> {
    // As a page of that address asks: the node has to find out that it is its own.
    const headers = { origin: new URL(this.#url).origin, ...this.#identity, ...init.headers };
    // A redirect would make other requests of these than clients send.
    return fetch(this.#url + path, { redirect: 'manual', ...init, headers, signal }).catch((error) => {
      throw this.#unreached(error);
    });
  }

  /** `fetch` says "fetch failed", and why in the cause. */
  #unreached(error: Error): Error {
    if (this.#stopping.aborted) return error;
    const { cause } = error as { cause?: Error & { code?: string } };
    const reason = cause?.message || cause?.code || error.message;
    return new Fault(`${new URL(this.#url).origin} cannot be reached (${reason}): check --url, DNS, and the proxy.`);
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
