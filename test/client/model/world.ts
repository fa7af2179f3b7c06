// A browser, a server and the network between them.

import { createLive } from '../../../src/client/create-live.ts';
import type { Live } from '../../../src/client/live.ts';
import type { PageOutside } from '../../../src/client/page-outside.ts';
import type { Item, User } from '../../../src/client/types.ts';
import type { BoardWrites, Writes } from '../../../src/client/writes/offered.ts';
import { PageWrites } from '../../../src/client/writes/writes.ts';
import { Browser, type Tab } from './browser.ts';
import { Clock, numbersOf } from './clock.ts';
import { ada, bob, ModelServer } from './server.ts';

/** A tab with the board open. */
export interface Page {
  tab: Tab;
  live: Live;
  writes: Writes;
  readonly board: BoardWrites;
  readonly shown: ReadonlyMap<string, Item>;
  /** Its user has come back, after a sign-in or to a board that was closed to them. */
  returns(): void;
}

export interface World {
  clock: Clock;
  server: ModelServer;
  browser: Browser;
  /**
   * @param without what the browser has not got
   * @param url where its server is
   */
  openPage(user?: User, without?: Partial<PageOutside>, url?: string): Page;
  /** Somebody else puts an item on the board. @returns its id */
  createTheirs(text: string): string;
}

/** @param seed of all that is left to chance */
export function createWorld(seed = 1): World {
  const clock = new Clock();
  const server = new ModelServer(() => clock.now);
  const browser = new Browser({ clock, server, random: numbersOf(seed) });
  return {
    clock,
    server,
    browser,
    openPage(user = ada, without = {}, url = 'http://model') {
      const tab = browser.open();
      const live = createLive({ url, boards: [server.boardId] }, { ...tab.outside, ...without });
      const writes = new PageWrites(live, { user: user.id, storage: tab.storage });
      const page: Page = {
        tab,
        live,
        writes,
        get board() {
          return writes.board(server.boardId);
        },
        get shown() {
          return live.board(server.boardId).state.items;
        },
        returns() {
          if (live.board(server.boardId).status.name === 'ended') live.leave(server.boardId);
          writes.board(server.boardId);
          live.retry();
          writes.retry();
        },
      };
      writes.board(server.boardId);
      return page;
    },
    createTheirs(text) {
      const id = browser.newId();
      server.write(bob, [{ op: 'create', id, item: { text } }]);
      return id;
    },
  };
}
