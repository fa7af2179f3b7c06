// A proxy in front of PostgreSQL that breaks connections in the ways in which networks and poolers do.

import net from 'node:net';
import { startTcpProxy } from './tcp-proxy.ts';
import type { Teardown } from './teardown.ts';

export interface FaultyProxy {
  /** The upstream's address with the proxy's host and port in place of its own. */
  url: string;
  /** Both ends keep an open connection, and nothing comes through. What connects later is carried. */
  swallow(): void;
  /**
   * Runs a statement without rows in each session, as soon as that is idle; its client learns nothing of it.
   *
   * @param tag of the answer: `UNLISTEN`
   * @param application only in the sessions of this `application_name`
   */
  inject(sql: string, tag: string, application?: string): void;
  /**
   * The next statement that carries `text` reaches the server, and its connection is cut when the server answers: the
   * client learns nothing of what has been committed. Resolves then.
   */
  cutAnswerTo(text: string): Promise<void>;
  /** From now on what the server says comes so much later, as from a database that is far away. */
  slow(ms: number): void;
  /** Cuts what is connected, and what connects, until {@link restore}. */
  cut(): void;
  restore(): void;
}

/** Listens on a free port of 127.0.0.1, in front of a PostgreSQL on a Unix socket, and ends with the test. */
export async function startFaultyProxy(t: Teardown, databaseUrl: string): Promise<FaultyProxy> {
  const upstream = new URL(databaseUrl.replace('@/', '@localhost/'));
  const folder = upstream.searchParams.get('host') ?? '';
  const path = `${folder}/.s.PGSQL.${upstream.searchParams.get('port') ?? 5432}`;
  const sessions = new Set<Session>();
  let isCut = false;
  let delayMs = 0;
  let doomed: { text: string; onCut: () => void } | undefined;
  const connect = () => (isCut ? undefined : net.connect(path));
  const { port, sockets, destroyAll } = await startTcpProxy(t, connect, (client, server) => {
    const session = new Session((query) => server.write(query));
    sessions.add(session);
    client.pipe(server);
    let cutAtAnswer: (() => void) | undefined;
    client.on('data', (data: Buffer) => {
      session.heardClient(data);
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
      const kept = session.heardServer(data);
      if (kept.length === 0) return;
      const hand = () => {
        if (!client.destroyed) client.write(kept);
      };
      if (delayMs > 0) setTimeout(hand, delayMs);
      else hand();
    });
    client.on('close', () => server.destroy());
    server.on('close', () => {
      sessions.delete(session);
      client.destroy();
    });
  });
  return {
    url: `postgres://postgres@127.0.0.1:${port}${upstream.pathname}?sslmode=disable`,
    swallow: () => {
      for (const socket of sockets) {
        socket.unpipe();
        socket.pause();
      }
    },
    inject: (sql, tag, application = '') => {
      for (const session of sessions) if (session.application.includes(application)) session.inject(sql, tag);
    },
    cutAnswerTo: (text) =>
      new Promise((onCut) => {
        doomed = { text, onCut };
      }),
    slow: (ms) => {
      delayMs = ms;
    },
    cut: () => {
      isCut = true;
      destroyAll();
    },
    restore: () => {
      isCut = false;
    },
  };
}

/** One connection, message by message: what is announced between a statement and its answer must come through. */
class Session {
  /** The client's first packet, which names its application among other things. */
  application = '';
  readonly #send: (query: Buffer) => void;
  readonly #waiting: Array<{ query: Buffer; tag: string }> = [];
  /** What has begun and not ended of a message of the server. */
  #rest = Buffer.alloc(0);
  #isIdle = false;
  /** The answer that is taken out next: CommandComplete with this tag, then ReadyForQuery. */
  #dropping: string | undefined;

  constructor(send: (query: Buffer) => void) {
    this.#send = send;
  }

  inject(sql: string, tag: string): void {
    const query = Buffer.from(`Q0000${sql}\0`);
    query.writeInt32BE(query.length - 1, 1);
    this.#waiting.push({ query, tag });
    this.#sendNext();
  }

  heardClient(data: Buffer): void {
    this.application ||= data.toString('latin1');
    this.#isIdle = false;
  }

  /** @returns what the client may hear of it */
  heardServer(data: Buffer): Buffer {
    const all = Buffer.concat([this.#rest, data]);
    const kept: Buffer[] = [];
    let at = 0;
    while (at + 5 <= all.length) {
      const end = at + 1 + all.readInt32BE(at + 1);
      if (end > all.length) break;
      const message = all.subarray(at, end);
      if (!this.#isDropped(message)) kept.push(message);
      at = end;
    }
    this.#rest = all.subarray(at);
    return Buffer.concat(kept);
  }

  #isDropped(message: Buffer): boolean {
    const type = String.fromCharCode(message[0] ?? 0);
    if (type === 'C' && this.#dropping === message.toString('latin1', 5, message.length - 1)) return true;
    if (type !== 'Z') return false;
    const isDropped = this.#dropping !== undefined;
    this.#dropping = undefined;
    // A client that has sent something meanwhile gets its own answer, and its own ReadyForQuery, next.
    if (!isDropped) this.#isIdle = true;
    this.#sendNext();
    return isDropped;
  }

  #sendNext(): void {
    if (!this.#isIdle || this.#dropping !== undefined) return;
    const next = this.#waiting.shift();
    if (!next) return;
    this.#dropping = next.tag;
    this.#send(next.query);
  }
}
