// Proxies that do to streams what some in the world do.

import { once } from 'node:events';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { constants, createGzip } from 'node:zlib';
import type { Teardown } from './teardown.ts';

/**
 * - `holds`: sends nothing of an answer before it has all of it
 * - `compresses`: gzips what is text, and passes on at once what it has made of each piece
 * - `cuts`: ends what has been silent for a second and a half
 * - `renames`: has the node believe that its own address is meant
 */
export type Hindrance = 'holds' | 'compresses' | 'cuts' | 'renames';

/** @returns its address, without a slash at the end */
export async function startHinderingProxy(t: Teardown, hindrance: Hindrance, target: string): Promise<string> {
  const server = http.createServer((request, response) => {
    const { method = 'GET', headers } = request;
    const host = hindrance === 'renames' ? new URL(target).host : headers.host;
    const via = { via: '1.1 a-proxy', 'x-forwarded-for': '192.0.2.1' };
    const passed = http.request(
      target + request.url,
      { method, headers: { ...headers, ...via, host, 'accept-encoding': 'identity' }, agent: false },
      (answer) => pass(hindrance, answer, response),
    );
    passed.on('error', () => response.destroy());
    response.on('close', () => passed.destroy());
    request.pipe(passed);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

function pass(hindrance: Hindrance, answer: http.IncomingMessage, response: http.ServerResponse): void {
  answer.on('error', () => response.destroy());
  const { statusCode = 502, rawHeaders } = answer;
  const isStream = answer.headers['content-type']?.startsWith('text/event-stream') ?? false;
  if (hindrance === 'holds') {
    const parts: Buffer[] = [];
    answer.on('data', (part: Buffer) => parts.push(part));
    answer.on('end', () => response.writeHead(statusCode, rawHeaders).end(Buffer.concat(parts)));
    return;
  }
  if (hindrance === 'compresses' && isStream) {
    response.writeHead(statusCode, [...rawHeaders, 'content-encoding', 'gzip']).flushHeaders();
    answer.pipe(createGzip({ flush: constants.Z_SYNC_FLUSH })).pipe(response);
    return;
  }
  response.writeHead(statusCode, rawHeaders).flushHeaders();
  answer.pipe(response);
  if (hindrance !== 'cuts' || !isStream) return;
  const cut = () => response.destroy();
  let silence = setTimeout(cut, 1500);
  answer.on('data', () => {
    clearTimeout(silence);
    silence = setTimeout(cut, 1500);
  });
  answer.on('close', () => clearTimeout(silence));
}
