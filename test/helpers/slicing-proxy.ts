// A proxy in front of a node that cuts connections at a chosen byte and hands on bytes in small pieces, as networks do.

import net from 'node:net';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { startTcpProxy } from './tcp-proxy.ts';
import type { Teardown } from './teardown.ts';

export interface Carriage {
  /** So many bytes of the node reach the client after a text (and what is before it), then the connection ends. */
  cut?: { after: string; bytes: number };
  /** Whether the cut is a reset (RST) or an ordinary end of the connection (FIN), which is the default. */
  reset?: boolean;
  /** Bytes that are handed on at a time; default: as they come. */
  pieces?: number;
}

/**
 * Listens on a free port of 127.0.0.1 in front of `url`, and ends with the test. Knows no HTTP.
 *
 * @param carry asked for each new connection
 * @returns the address of the proxy
 */
export async function startSlicingProxy(t: Teardown, url: string, carry: () => Carriage): Promise<string> {
  const { hostname, port } = new URL(url);
  const connect = () => net.connect({ host: hostname, port: Number(port) });
  const proxy = await startTcpProxy(t, connect, (client, node) => {
    const { cut, reset = false, pieces = Infinity } = carry();
    client.pipe(node);
    client.on('close', () => node.destroy());
    void handOn(node, client, cut, pieces).then(() => {
      if (reset) client.resetAndDestroy();
      else client.end();
      node.destroy();
    });
  });
  return `http://127.0.0.1:${proxy.port}`;
}

/** Resolves when all that is to come through has, or there is no more. */
async function handOn(from: net.Socket, to: net.Socket, cut: Carriage['cut'], pieces: number): Promise<void> {
  let left = Infinity;
  try {
    for await (const data of from as AsyncIterable<Buffer>) {
      // In one piece: the head of a response is.
      const found = cut && left === Infinity ? data.indexOf(cut.after) : -1;
      if (cut && found >= 0) left = found + cut.after.length + cut.bytes;
      const carried = data.subarray(0, Math.min(left, data.length));
      for (let start = 0; start < carried.length; start += pieces) {
        to.write(carried.subarray(start, start + pieces));
        // The next piece is another packet.
        if (pieces < carried.length) await nextTurn();
      }
      left -= carried.length;
      if (left <= 0) return;
    }
  } catch {
    // One of the two is gone.
  }
}
