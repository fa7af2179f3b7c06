// A port of its own for the metrics, which no proxy leads to.

import { createServer, type Server } from 'node:http';

export interface MetricsServerOptions {
  port: number;
  host: string;
  /** @returns the metrics; undefined for whoever may not have them */
  answer: (authorization: string | undefined) => Promise<string | undefined>;
  contentType: string;
}

/** @returns the server, which listens. @throws what `listen` fails with */
export async function listenForScrapes({ port, host, answer, contentType }: MetricsServerOptions): Promise<Server> {
  const server = createServer({ headersTimeout: 5000, requestTimeout: 5000 }, async (request, response) => {
    // No body is read, so a connection is not kept behind one.
    const end = (status: number, body: string, headers = {}) =>
      response.writeHead(status, { connection: 'close', 'content-type': 'text/plain', ...headers }).end(body);
    if (request.url !== '/metrics' || request.method !== 'GET') return end(404, 'GET /metrics\n');
    try {
      const text = await answer(request.headers.authorization);
      if (text === undefined) return end(401, 'Send METRICS_TOKEN.\n', { 'www-authenticate': 'Bearer' });
      return end(200, text, { 'content-type': contentType });
    } catch (error) {
      return end(500, `${error instanceof Error ? error.message : error}\n`);
    }
  });
  // Few ask, and nobody else is to keep them out.
  server.maxConnections = 50;
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error) => reject(Object.assign(error, { setting: 'METRICS_PORT' })));
    server.listen(port, host, resolve);
  });
  return server;
}
