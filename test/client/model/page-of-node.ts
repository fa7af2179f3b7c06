// A page whose server is a real node: its requests and its stream go over sockets, the rest of the browser is in memory.

import { randomUUID } from 'node:crypto';
import { EventSource } from 'eventsource';
import type { Test } from 'tap';
import { createLive } from '../../../src/client/create-live.ts';
import type { Live } from '../../../src/client/live.ts';
import type { StreamLike } from '../../../src/client/page-outside.ts';
import type { Item } from '../../../src/client/types.ts';
import type { BoardWrites, Writes } from '../../../src/client/writes/offered.ts';
import { PageWrites } from '../../../src/client/writes/writes.ts';
import type { Client } from '../../helpers/client.ts';
import type { TestNode } from '../../helpers/node.ts';
import { Browser } from './browser.ts';
import { ModelServer } from './server.ts';

export interface NodePage {
  live: Live;
  writes: Writes;
  board: BoardWrites;
  readonly shown: ReadonlyMap<string, Item>;
  /** As when the tab is closed: nothing of it goes on. */
  end(): void;
}

/** What happens to requests on their way. */
export interface Network {
  /** `lost`: the answers are, and nobody knows whether the server has done it. */
  answers: 'come' | 'lost';
  isOnline: boolean;
  /** In place of that of the client. */
  cookie: string | undefined;
  /** How often the server was asked who is signed in. */
  asked: number;
  /** Writes that were sent. */
  sent: Array<{ key: string | null; body: string; isReplay: boolean }>;
}

/** A browser in which pages of one user can be opened one after the other. */
export function browserOf(t: Test, { url }: TestNode, client: Client) {
  const clock = {
    get now() {
      return Date.now();
    },
    after(ms: number, callback: () => void) {
      const timer = setTimeout(callback, ms);
      return () => clearTimeout(timer);
    },
  };
  const browser = new Browser({ clock, server: new ModelServer(() => clock.now), random: Math.random });
  const network: Network = { answers: 'come', isOnline: true, cookie: undefined, asked: 0, sent: [] };
  const send = async (address: string | URL, init: RequestInit = {}) => {
    if (!network.isOnline) throw new TypeError('offline');
    const headers = new Headers(init.headers);
    headers.set('cookie', network.cookie ?? client.cookie);
    const response = await fetch(address, { ...init, headers });
    if (`${address}`.endsWith('/session')) network.asked += 1;
    if (init.method !== 'POST') return response;
    const isReplay = response.headers.get('idempotent-replayed') === 'true';
    network.sent.push({ key: headers.get('idempotency-key'), body: `${init.body}`, isReplay });
    if (network.answers === 'come') return response;
    await response.arrayBuffer();
    throw new TypeError('the connection was lost');
  };
  const openPage = (boardId: string): NodePage => {
    const tab = browser.open();
    const openStream = (address: string) => new EventSource(address, { fetch: send as never }) as unknown as StreamLike;
    const outside = { ...tab.outside, newId: randomUUID, fetch: send, openStream };
    const live = createLive({ url, boards: [boardId] }, outside);
    const writes = new PageWrites(live, { user: client.user.id, storage: tab.storage });
    const end = () => {
      live.close();
      void writes.close();
      tab.close();
    };
    t.teardown(end);
    return {
      live,
      writes,
      board: writes.board(boardId),
      end,
      get shown() {
        return live.board(boardId).state.items;
      },
    };
  };
  return { openPage, network };
}
