// A signed-in user who speaks JSON.

import type { TestNode } from './node.ts';
import { until } from './until.ts';

export interface Answer<Body = Record<string, unknown>> {
  status: number;
  headers: Headers;
  /** Parsed when it is JSON; undefined when there is none. */
  body: Body;
}

// biome-ignore lint/suspicious/noExplicitAny: a test knows what it asked for
type Json = any;

export class Client {
  readonly #base: string;
  readonly cookie: string;
  /** What says who is calling when it is no cookie. */
  readonly headers: Record<string, string>;
  readonly user: { id: string; name: string };

  private constructor(
    base: string,
    cookie: string,
    user: { id: string; name: string },
    headers: Record<string, string> = {},
  ) {
    this.#base = base;
    this.cookie = cookie;
    this.user = user;
    this.headers = headers;
  }

  /** A new guest. */
  static signUp(node: Pick<TestNode, 'url'>, name = 'Ada'): Promise<Client> {
    return Client.#begin(node, '/guests', { name });
  }

  /** A new account that lasts. */
  static keep(
    node: Pick<TestNode, 'url'>,
    account: { name: string; email: string; password: string },
  ): Promise<Client> {
    return Client.#begin(node, '/users', account);
  }

  /** Somebody whom the server does not know. */
  static nobody(node: Pick<TestNode, 'url'>): Client {
    return new Client(node.url, '', { id: '', name: '' });
  }

  /** Whom a token stands for, ours or a JWT. */
  static async bearing(node: Pick<TestNode, 'url'>, token: string): Promise<Client> {
    const headers = { authorization: `Bearer ${token}` };
    const { body } = await Client.nobody(node).get('/session', headers);
    return new Client(node.url, '', body.user, headers);
  }

  static async #begin(node: Pick<TestNode, 'url'>, path: string, body: object): Promise<Client> {
    const post = async () => {
      const response = await fetch(node.url + path, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(body),
      });
      const answer = (await response.json()) as { user: { id: string; name: string } };
      // A busy machine may be as slow with the database as one that is away. Nothing was done, and nobody minds two guests.
      return response.status !== 503 && { response, answer };
    };
    const { response, answer } = await until(post, `an answer to POST ${path}`);
    if (!answer.user) throw new Error(`POST ${path}: ${response.status} ${JSON.stringify(answer)}`);
    const [cookie = ''] = response.headers.getSetCookie();
    return new Client(node.url, cookie.split(';')[0] ?? '', answer.user);
  }

  /** The same user, in the session that an answer has put into the browser. */
  after({ headers }: Pick<Answer, 'headers'>): Client {
    const [cookie = ''] = headers.getSetCookie();
    return new Client(this.#base, cookie.split(';')[0] ?? '', this.user);
  }

  /** The same user, at another node of the same database. */
  at(node: Pick<TestNode, 'url'>): Client {
    return new Client(node.url, this.cookie, this.user, this.headers);
  }

  async request(
    method: string,
    path: string,
    body?: unknown,
    headers: Record<string, string> = {},
  ): Promise<Answer<Json>> {
    const response = await fetch(this.#base + path, {
      method,
      headers: {
        cookie: this.cookie,
        ...this.headers,
        ...(body !== undefined && { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    });
    const text = await response.text();
    const isJson = response.headers.get('content-type')?.includes('json') ?? false;
    return {
      status: response.status,
      headers: response.headers,
      body: isJson && text ? JSON.parse(text) : text || undefined,
    };
  }

  get(path: string, headers?: Record<string, string>): Promise<Answer<Json>> {
    return this.request('GET', path, undefined, headers);
  }

  post(path: string, body: unknown, headers?: Record<string, string>): Promise<Answer<Json>> {
    return this.request('POST', path, body, headers);
  }

  patch(path: string, body: unknown, headers?: Record<string, string>): Promise<Answer<Json>> {
    return this.request('PATCH', path, body, headers);
  }

  delete(path: string, headers?: Record<string, string>): Promise<Answer<Json>> {
    return this.request('DELETE', path, undefined, headers);
  }

  /** @returns the id of a new board that this user owns */
  async createBoard(name = 'Plans'): Promise<string> {
    const { body } = await this.post('/boards', { name });
    return body.board.id;
  }
}
