// Where a browser has its pages from: pages of a test, and, when it stands in front of a node, all else from there.

import { once } from 'node:events';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Teardown } from './teardown.ts';

export interface PageHost {
  /** Without a slash at the end. */
  url: string;
  /** Of a node; undefined: there is none. */
  target: string | undefined;
  /** Ends what is under way. */
  cut(): void;
}

/** @param answer gives a page or another answer; undefined: the node is asked */
export async function startPageHost(
  t: Teardown,
  answer: (path: string, request: http.IncomingMessage) => Promise<string | undefined> | string | undefined,
  target?: string,
): Promise<PageHost> {
  const server = http.createServer(async (request, response) => {
    const body = await answer(request.url?.split('?')[0] ?? '', request);
    if (body !== undefined) {
      const type = typeOf(request.url ?? '', body);
      response.writeHead(200, { 'content-type': type }).end(body);
      return;
    }
    if (host.target === undefined) {
      response.destroy();
      return;
    }
    const { method = 'GET', headers } = request;
    const passed = http.request(host.target + request.url, { method, headers, agent: false }, (answered) => {
      response.writeHead(answered.statusCode ?? 502, answered.rawHeaders).flushHeaders();
      answered.on('error', () => response.destroy());
      answered.pipe(response);
    });
    passed.on('error', () => response.destroy());
    response.on('close', () => passed.destroy());
    request.pipe(passed);
  });
  // Idle connections stay: else one may be closed at the moment in which the next request takes it.
  server.keepAliveTimeout = 0;
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const host: PageHost = { url: `http://127.0.0.1:${port}`, target, cut: () => server.closeAllConnections() };
  t.teardown(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  return host;
}

function typeOf(path: string, body: string): string {
  if (path.endsWith('.js')) return 'text/javascript; charset=utf-8';
  return body.startsWith('<') ? 'text/html; charset=utf-8' : 'application/json';
}
