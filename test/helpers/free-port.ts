import { once } from 'node:events';
import net from 'node:net';

/** Below those that Linux gives to connections and to who listens on port 0 (`net.ipv4.ip_local_port_range`). */
const FIRST = 12_000;
const COUNT = 20_000;
/** Few processes of tests run at a time: the ports of each are its own. */
const OF_A_PROCESS = 40;

let given = 0;

/**
 * For a server that listens later, or goes away and comes back: of the ports that port 0 gives, any connection of
 * anybody may take the same meanwhile.
 *
 * @returns a port that nobody listens on now
 */
export async function findFreePort(): Promise<number> {
  for (;;) {
    const port = FIRST + ((process.pid * OF_A_PROCESS + given++) % COUNT);
    const server = net.createServer().listen(port, '127.0.0.1');
    const isFree = await once(server, 'listening').then(
      () => true,
      () => false,
    );
    if (!isFree) continue;
    server.close();
    await once(server, 'close');
    return port;
  }
}
