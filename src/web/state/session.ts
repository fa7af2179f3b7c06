// Who is signed in, and how that changes.

import { type ReadonlySignal, signal } from '@preact/signals-core';
import { dropDrafts } from './drafts.ts';
import { dropOthers } from './kept-boards.ts';
import { type Me, remember, remembered } from './remembered.ts';
import { Failure, type Service } from './service.ts';

export interface Credentials {
  email: string;
  password: string;
}

export interface Session {
  /** Undefined until it is known, null for nobody. */
  readonly me: ReadonlySignal<Me | null | undefined>;
  /** Asks the server; while nobody answers it is who was signed in last here. @throws Failure when it cannot be found out */
  load(): Promise<void>;
  /** As a guest. */
  start(name: string): Promise<void>;
  register(account: Credentials & { name: string }): Promise<void>;
  signIn(credentials: Credentials): Promise<void>;
  /** A guest's account becomes one with a password. */
  keep(credentials: Credentials): Promise<void>;
  /** What was kept here of the boards goes at once. */
  signOut(): Promise<void>;
}

/** So often it is asked again who it is, where nobody has answered. */
const AGAIN_MS = 5000;

/** @param isStranger the server has seen no cookie: it need not be asked */
export function createSession(service: Service, isStranger: boolean): Session {
  const me = signal<Me | null | undefined>(undefined);
  const take = (user: Me | null) => {
    remember(user);
    void dropOthers(user?.id);
    me.value = user;
  };
  const enter = async (method: string, path: string, body?: object) => {
    take((await service.call<{ user: Me }>(method, path, body)).user);
  };
  async function load(): Promise<void> {
    if (isStranger) {
      take(null);
      return;
    }
    try {
      await enter('GET', '/session');
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
      if (error.status === 401) {
        take(null);
        return;
      }
      const last = error.status === 0 || error.status >= 500 ? remembered() : undefined;
      if (!last) throw error;
      me.value ??= last;
      const again = () => {
        clearTimeout(timer);
        removeEventListener('online', again);
        void load().catch(() => {});
      };
      const timer = setTimeout(again, AGAIN_MS);
      addEventListener('online', again);
    }
  }
  return {
    me,
    load,
    start: (name) => enter('POST', '/guests', { name }),
    register: (account) => enter('POST', '/users', account),
    signIn: (credentials) => enter('POST', '/session', credentials),
    keep: (credentials) => enter('PATCH', '/users/me', credentials),
    async signOut() {
      remember(null);
      dropDrafts();
      await dropOthers();
      await service.call('DELETE', '/session');
      take(null);
    },
  };
}
