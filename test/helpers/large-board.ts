// A board of many megabytes, and clients that do not read what they asked for, or little by little.

import http from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import type { Client } from './client.ts';
import type { TestDatabase, TestNode } from './node.ts';
import type { Teardown } from './teardown.ts';

const TEXT_BYTES = 10_000;

/** @returns the id of a board that is as large, about */
export async function createLargeBoard(
  client: Client,
  { sql }: Pick<TestDatabase, 'sql'>,
  bytes: number,
): Promise<string> {
  const boardId = await client.createBoard();
  await sql(
    `insert into teamboard.items (board_id, text)
     select $1, rpad(n || ' ', ${TEXT_BYTES}, md5(n::text)) from generate_series(1, $2::int) n`,
    [boardId, Math.ceil(bytes / TEXT_BYTES)],
  );
  return boardId;
}

/** Asks, and takes the head of the answer but none of the body. Is closed with the test. */
export async function askWithoutReading(
  t: Teardown,
  node: Pick<TestNode, 'url'>,
  path: string,
  { cookie }: Pick<Client, 'cookie'>,
  accept = 'application/json',
): Promise<http.IncomingMessage> {
  const request = http.get(node.url + path, { agent: false, headers: { cookie, accept } });
  t.teardown(() => request.destroy());
  const response = await new Promise<http.IncomingMessage>((resolve, reject) => {
    request.once('response', resolve);
    request.once('error', reject);
  });
  request.on('error', () => {});
  response.on('error', () => {});
  return response;
}

/**
 * Takes the body evenly over a time.
 *
 * @param length of it in bytes, about
 * @throws the error of a connection that was cut
 */
export async function readSlowly(
  response: http.IncomingMessage,
  overMs: number,
  length: number,
  onChunk: (chunk: Buffer) => void = () => {},
): Promise<Buffer> {
  const begunAt = performance.now();
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of response) {
    chunks.push(chunk);
    onChunk(chunk);
    bytes += chunk.length;
    const aheadMs = (overMs * bytes) / length - (performance.now() - begunAt);
    if (aheadMs > 1) await delay(aheadMs);
  }
  return Buffer.concat(chunks);
}
