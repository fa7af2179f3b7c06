// What the pages of the application work with.

import { type ReadonlySignal, signal } from '@preact/signals-core';
import { type Boards, createBoards } from './state/boards.ts';
import { createRouter, type Router } from './state/route.ts';
import { createService, lineOf, type Service } from './state/service.ts';
import { createSession, type Session } from './state/session.ts';

export interface App {
  readonly service: Service;
  readonly session: Session;
  readonly boards: Boards;
  readonly router: Router;
  /** One line about what could not be done last; empty: nothing. */
  readonly failure: ReadonlySignal<string>;
  /** Whether something is under way that the person waits for. */
  readonly isBusy: ReadonlySignal<boolean>;
  /** Does what the person has asked for, once at a time, and says when it could not be done. */
  run(what: () => Promise<unknown>): Promise<void>;
  /** The same for what a page needs to be shown, whatever else is under way. */
  load(what: () => Promise<unknown>): Promise<void>;
}

/** @param url of the server, without a slash at the end */
export function createApp(url: string): App {
  const service = createService(url);
  const failure = signal('');
  const isBusy = signal(false);
  let last = '';
  const load = async (what: () => Promise<unknown>) => {
    try {
      await what();
      // What could not be loaded before is there now.
      if (failure.value === last) failure.value = '';
    } catch (error) {
      failure.value = last = lineOf(error);
    }
  };
  const router = createRouter(new URL(url).pathname.replace(/\/$/, ''));
  return {
    service,
    session: createSession(service, document.documentElement.dataset.visitor === 'stranger'),
    boards: createBoards(service),
    router,
    failure,
    isBusy,
    async run(what) {
      if (isBusy.value) return;
      isBusy.value = true;
      failure.value = '';
      await load(what);
      isBusy.value = false;
    },
    load,
  };
}
