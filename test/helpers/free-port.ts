import { once } from 'node:events';
import net from 'node:net';

/** Below those that Linux gives to connections and to who listens on port 0 (`net.ipv4.ip_local_port_range`). */
const FIRST = 12_000;
const BLOCKS = 500;
/** In the first one of its block a process listens for as long as it lives: so the others are for no other process. */
const BLOCK_SIZE = 40;

let block: Promise<number> | undefined;
let given = 0;

/**
 * For a server that listens later, or goes away and comes back: of the ports that port 0 gives, any connection of
 * anybody may take the same meanwhile.
 *
 * @returns a port that nobody listens on now
 */
export async function findFreePort(): Promise<number> {
  block ??= takeBlock();
  const first = await block;
  for (;;) {
    const port = first + 1 + (given++ % (BLOCK_SIZE - 1));
    const server = await listen(port);
    if (!server) continue;
    server.close();
    await once(server, 'close');
    return port;
  }
}

/** @returns its first port */
async function takeBlock(): Promise<number> {
  for (let number = process.pid; ; number += 1) {
    const first = FIRST + (number % BLOCKS) * BLOCK_SIZE;
    const server = await listen(first);
    if (!server) continue;
    server.unref();
    return first;
  }
}

/** @returns undefined where somebody else listens */
async function listen(port: number): Promise<net.Server | undefined> {
  const server = net.createServer().listen(port, '127.0.0.1');
  return once(server, 'listening').then(
    () => server,
    () => undefined,
  );
}
