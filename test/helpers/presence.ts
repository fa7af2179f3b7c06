// What a stream has been told of who is there.

import type { Test } from 'tap';
import type { Client } from './client.ts';
import { type EventStream, type OpenOptions, openStream } from './event-stream.ts';
import type { TestNode } from './node.ts';
import { until } from './until.ts';

/** A board's stream, after its first `sync`, which names its own user. Is closed with the test. */
export async function openPresent(
  t: Test,
  node: Pick<TestNode, 'url'>,
  boardId: string,
  { cookie, user }: Client,
  options: Omit<OpenOptions, 'cookie'> = {},
): Promise<EventStream> {
  const stream = await openStream(t, node.url, boardId, { cookie, ...options });
  const first = await until(() => stream.presence[0], 'the first word about who is there');
  t.equal(first.action, 'sync', 'first a stream is told of all');
  t.ok(
    first.users.some(({ id }) => id === user.id),
    'its own user is one of them',
  );
  return stream;
}

/** `join Ada`, `leave Bob` …, without the syncs. */
export function told({ presence }: EventStream): string[] {
  return presence.flatMap(({ action, user }) => (action === 'sync' ? [] : `${action} ${user.name}`));
}

/** Waits until the stream was told of so many joins and leaves, which must be these. */
export async function expectTold(t: Test, stream: EventStream, changes: string[], timeoutMs?: number): Promise<void> {
  await until(() => told(stream).length >= changes.length, `${changes}, after ${told(stream)}`, timeoutMs);
  t.strictSame(told(stream), changes);
}

export function syncs({ presence }: EventStream): number {
  return presence.filter(({ action }) => action === 'sync').length;
}

/** The names of all who are there, as the stream's page has them now. @throws what could not be, of a page that counts */
export function present({ presence }: Pick<EventStream, 'presence'>): string[] {
  const users = new Map<string, string>();
  for (const change of presence) {
    if (change.action === 'sync') {
      users.clear();
      for (const { id, name } of change.users) users.set(id, name);
    } else {
      const { id, name } = change.user;
      if (users.has(id) === (change.action === 'join')) throw new Error(`a second ${change.action} of ${name}`);
      if (change.action === 'join') users.set(id, name);
      else users.delete(id);
    }
  }
  return [...users.values()].sort();
}
