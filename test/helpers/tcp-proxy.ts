// What stands between a client and a server, and carries their bytes as a test wants it.

import { once } from 'node:events';
import net from 'node:net';
import type { Teardown } from './teardown.ts';

export interface TcpProxy {
  /** On 127.0.0.1. */
  port: number;
  /** Both ends of all that is connected. */
  sockets: ReadonlySet<net.Socket>;
  /** Ends all of them. */
  destroyAll(): void;
}

/**
 * Listens on a free port, and ends with the test. Knows no protocol.
 *
 * @param connect to the server, once for each client; undefined: the client is sent away
 * @param carry puts the two together. Whoever of them ends is the carrier's to tell the other
 */
export async function startTcpProxy(
  t: Teardown,
  connect: () => net.Socket | undefined,
  carry: (client: net.Socket, server: net.Socket) => void,
): Promise<TcpProxy> {
  const sockets = new Set<net.Socket>();
  const proxy = net.createServer((client) => {
    const server = connect();
    if (!server) {
      client.destroy();
      return;
    }
    for (const socket of [client, server]) {
      socket.setNoDelay(true);
      sockets.add(socket);
      socket.on('error', () => {});
      socket.on('close', () => sockets.delete(socket));
    }
    carry(client, server);
  });
  proxy.listen(0, '127.0.0.1');
  await once(proxy, 'listening');
  const destroyAll = () => {
    for (const socket of sockets) socket.destroy();
  };
  t.teardown(async () => {
    destroyAll();
    await new Promise((resolve) => proxy.close(resolve));
  });
  return { port: (proxy.address() as net.AddressInfo).port, sockets, destroyAll };
}
