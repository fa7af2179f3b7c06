// A receiver of webhooks, which checks each request by the library of Standard Webhooks and answers as a test has it.

import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Webhook } from 'standardwebhooks';
import type { Client } from './client.ts';
import type { Teardown } from './teardown.ts';
import { until } from './until.ts';

export interface ReceivedRequest {
  id: string;
  headers: IncomingHttpHeaders;
  text: string;
  // biome-ignore lint/suspicious/noExplicitAny: a test knows what it asked for
  body: any;
  /** What it was answered. */
  status: number;
  at: number;
}

export interface Reply {
  status: number;
  headers?: Record<string, string>;
}

export interface WebhookReceiver {
  url: string;
  /** In the order in which they came, refused ones too. */
  readonly requests: ReceivedRequest[];
  /** Those that were answered with 2xx. */
  readonly taken: ReceivedRequest[];
  /** How the next ones are answered; default: 204. May keep one waiting. */
  answer: (request: Omit<ReceivedRequest, 'status'>) => Reply | Promise<Reply>;
  /** Resolves with the first that was taken and fits. */
  next(what: string, fits: (request: ReceivedRequest) => boolean): Promise<ReceivedRequest>;
}

export const textOf = ({ body }: ReceivedRequest): string | undefined => body.data.object?.text;

export async function startReceiver(t: Teardown): Promise<WebhookReceiver> {
  const requests: ReceivedRequest[] = [];
  const listener: RequestListener = async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    const text = Buffer.concat(chunks).toString('utf8');
    const { headers } = request;
    const received = {
      id: String(headers['webhook-id']),
      headers,
      text,
      body: JSON.parse(text),
      at: performance.now(),
    };
    const { status, headers: more } = await receiver.answer(received);
    requests.push({ ...received, status });
    response.writeHead(status, more).end();
  };
  const server = createServer((request, response) => {
    Promise.resolve(listener(request, response)).catch(() => response.destroy());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => {
    server.closeAllConnections();
    server.close();
  });
  const receiver: WebhookReceiver = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook`,
    requests,
    get taken() {
      return requests.filter(({ status }) => status >= 200 && status < 300);
    },
    answer: () => ({ status: 204 }),
    next: (what, fits) => until(() => receiver.taken.find(fits), what),
  };
  return receiver;
}

export interface MadeWebhook {
  id: string;
  secret: string;
  /** Of the webhook itself. */
  path: string;
  // biome-ignore lint/suspicious/noExplicitAny: a test knows what it asked for
  read: () => Promise<any>;
}

export async function makeWebhook(owner: Client, boardId: string, body: { url: string; events?: string[] }) {
  const { status, body: answer } = await owner.post(`/boards/${boardId}/webhooks`, body);
  if (status !== 201) throw new Error(`no webhook: ${JSON.stringify(answer)}`);
  const { webhook, secret } = answer;
  const path = `/boards/${boardId}/webhooks/${webhook.id}`;
  const read = async () => (await owner.get(path)).body.webhook;
  return { id: webhook.id, secret, path, read } as MadeWebhook;
}

/** @throws Error of the library when the signature is not that of the secret */
export function verify({ text, headers }: ReceivedRequest, secret: string): unknown {
  return new Webhook(secret).verify(text, headers as Record<string, string>);
}
