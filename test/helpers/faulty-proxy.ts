// A proxy in front of PostgreSQL that breaks connections in the ways in which networks and poolers do.

import net from 'node:net';
import type { Teardown } from './teardown.ts';

export interface FaultyProxy {
  /** The upstream's address with the proxy's host and port in place of its own. */
  url: string;
  /** Both ends keep an open connection, and nothing comes through. What connects later is carried. */
  swallow(): void;
  /** Runs a statement of one word and no rows in each idle session, of which its client learns nothing. */
  inject(sql: string, tag: string): void;
  /**
   * The next statement that carries `text` reaches the server, and its connection is cut when the server answers: the
   * client learns nothing of what has been committed. Resolves then.
   */
  cutAnswerTo(text: string): Promise<void>;
  /** Cuts what is connected, and what connects, until {@link restore}. */
  cut(): void;
  restore(): void;
}

/** Listens on a free port of 127.0.0.1, in front of a PostgreSQL on a Unix socket, and ends with the test. */
export async function startFaultyProxy(t: Teardown, databaseUrl: string): Promise<FaultyProxy> {
  const upstream = new URL(databaseUrl.replace('@/', '@localhost/'));
  const folder = upstream.searchParams.get('host') ?? '';
  const path = `${folder}/.s.PGSQL.${upstream.searchParams.get('port') ?? 5432}`;
  const sockets = new Set<net.Socket>();
  const injectors = new Set<(sql: string, tag: string) => void>();
  let isCut = false;
  let doomed: { text: string; onCut: () => void } | undefined;
  const server = net.createServer((client) => {
    if (isCut) {
      client.destroy();
      return;
    }
    const server = net.connect(path);
    for (const socket of [client, server]) {
      sockets.add(socket);
      socket.on('error', () => {});
      socket.on('close', () => sockets.delete(socket));
    }
    let toDiscard = 0;
    const inject = (sql: string, tag: string) => {
      // Messages of the protocol: Query in; CommandComplete and ReadyForQuery out.
      const query = Buffer.from(`Q0000${sql}\0`);
      query.writeInt32BE(query.length - 1, 1);
      toDiscard += 1 + 4 + tag.length + 1 + 6;
      server.write(query);
    };
    injectors.add(inject);
    client.pipe(server);
    let cutAtAnswer: (() => void) | undefined;
    client.on('data', (data: Buffer) => {
      if (!doomed || !data.includes(doomed.text)) return;
      cutAtAnswer = doomed.onCut;
      doomed = undefined;
    });
    server.on('data', (data: Buffer) => {
      if (cutAtAnswer) {
        client.destroy();
        cutAtAnswer();
        return;
      }
      const kept = data.subarray(Math.min(toDiscard, data.length));
      toDiscard -= data.length - kept.length;
      if (kept.length > 0 && !client.destroyed) client.write(kept);
    });
    client.on('close', () => server.destroy());
    server.on('close', () => {
      injectors.delete(inject);
      client.destroy();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const destroyAll = () => {
    for (const socket of sockets) socket.destroy();
  };
  t.teardown(async () => {
    destroyAll();
    await new Promise((resolve) => server.close(resolve));
  });
  const { port } = server.address() as net.AddressInfo;
  return {
    url: `postgres://postgres@127.0.0.1:${port}${upstream.pathname}?sslmode=disable`,
    swallow: () => {
      for (const socket of sockets) {
        socket.unpipe();
        socket.pause();
      }
    },
    inject: (sql, tag) => {
      for (const inject of injectors) inject(sql, tag);
    },
    cutAnswerTo: (text) =>
      new Promise((onCut) => {
        doomed = { text, onCut };
      }),
    cut: () => {
      isCut = true;
      destroyAll();
    },
    restore: () => {
      isCut = false;
    },
  };
}
