// Who else is writing which note, also the user in another window: told by those who do, and forgotten when they fall silent
// or leave.

import { computed, type ReadonlySignal, signal } from '@preact/signals-core';
import type { User } from '../../client/types.ts';
import type { OpenBoard } from '../state/open-board.ts';

const SILENT_MS = 4000;

interface Writer {
  user: User;
  itemId: string;
  until: number;
}

export interface Writers {
  /** By the id of a note: their names. */
  readonly byNote: ReadonlySignal<ReadonlyMap<string, string>>;
  close(): void;
}

export function createWriters(board: OpenBoard): Writers {
  const writers = signal<ReadonlyMap<string, Writer>>(new Map());
  let timer: ReturnType<typeof setTimeout> | undefined;

  function forget(): void {
    const now = Date.now();
    const left = [...writers.value].filter(([, { until }]) => until > now);
    if (left.length !== writers.value.size) writers.value = new Map(left);
    clearTimeout(timer);
    if (left.length > 0) timer = setTimeout(forget, SILENT_MS / 4);
  }

  const stop = board.onBroadcast(({ name, data, from: { user } }) => {
    const { id, window } = (data ?? {}) as { id?: unknown; window?: unknown };
    if (name !== 'typing' || window === board.window) return;
    const next = new Map(writers.value);
    const key = typeof window === 'string' ? `${user.id} ${window}` : user.id;
    if (typeof id === 'string') next.set(key, { user, itemId: id, until: Date.now() + SILENT_MS });
    else next.delete(key);
    writers.value = next;
    forget();
  });

  return {
    byNote: computed(() => {
      const present = new Set(board.presence.value.map(({ id }) => id));
      const names = new Map<string, string>();
      for (const { user, itemId } of writers.value.values()) {
        if (!present.has(user.id)) continue;
        const before = names.get(itemId);
        const name = user.id === board.me.id ? `${user.name} (you)` : user.name;
        names.set(itemId, before ? `${before}, ${name}` : `${name} is writing`);
      }
      return names;
    }),
    close() {
      stop();
      clearTimeout(timer);
    },
  };
}
