// An application that is asked who is calling (`AUTH_URL`), and remembers what it was asked.

import http from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Teardown } from './teardown.ts';

export interface AuthServer {
  url: URL;
  /** What it answers about each cookie, as JSON or with a handler of its own; 401 about all others. */
  answers: Map<string, unknown>;
  /** The header fields of each question. */
  questions: http.IncomingHttpHeaders[];
  /** Those that were asked for. */
  paths: Set<string | undefined>;
  /** The most questions about one cookie that were open at a time. */
  readonly mostAtOnce: number;
  /** Nobody listens at its address any more. */
  stop(): Promise<void>;
  start(): Promise<void>;
}

/** Ends with the test. */
export async function startAuthServer(t: Teardown): Promise<AuthServer> {
  const answers: AuthServer['answers'] = new Map();
  const questions: AuthServer['questions'] = [];
  const paths: AuthServer['paths'] = new Set();
  const open = new Map<string, number>();
  let mostAtOnce = 0;
  const server = http.createServer((request, response) => {
    const { cookie = '', authorization = '' } = request.headers;
    questions.push(request.headers);
    paths.add(request.url);
    open.set(cookie, (open.get(cookie) ?? 0) + 1);
    mostAtOnce = Math.max(mostAtOnce, open.get(cookie) ?? 0);
    response.on('close', () => open.set(cookie, (open.get(cookie) ?? 1) - 1));
    const answer = answers.get(cookie) ?? answers.get(authorization);
    if (typeof answer === 'function') answer(request, response);
    else if (answer === undefined) response.writeHead(401).end();
    else response.setHeader('content-type', 'application/json').end(JSON.stringify(answer));
  });
  const listen = (port: number) => new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  const stop = async () => {
    const closed = new Promise((resolve) => server.close(resolve));
    server.closeAllConnections();
    await closed;
  };
  await listen(0);
  const { port } = server.address() as AddressInfo;
  t.teardown(stop);
  return {
    url: new URL(`http://127.0.0.1:${port}/whoami`),
    answers,
    questions,
    paths,
    get mostAtOnce() {
      return mostAtOnce;
    },
    stop,
    start: () => listen(port),
  };
}
