// An open stream as its node has it, for tests that look at what its client cannot see.

import { setTimeout as delay } from 'node:timers/promises';
import type { Follower } from '../../src/streams/follower.ts';
import type { Stream } from '../../src/streams/stream.ts';
import type { TestNode } from './node.ts';

export interface ServerSide {
  stream: Stream;
  /** What the stream has of one board. */
  follower: Follower;
}

/** How often it is looked whether something moves, and the ms in between. */
const [LOOKS, LOOK_MS] = [5, 10];

/** @returns whether something waits for a client that reads nothing, and is not just on its way to the kernel */
export async function stands({ stream, follower }: ServerSide): Promise<boolean> {
  const look = () => `${follower.position} ${stream.socket?.writableLength}`;
  const before = look();
  for (let count = 0; count < LOOKS; count += 1) {
    await delay(LOOK_MS);
    if (look() !== before) return false;
  }
  return (stream.socket?.writableLength ?? 0) > 0;
}

/** @returns the first that fits */
export function serverSideOf(
  { app }: Pick<TestNode, 'app'>,
  fits: (follower: Follower) => boolean,
): ServerSide | undefined {
  for (const stream of app.openStreams) {
    for (const follower of stream.followers) if (fits(follower)) return { stream, follower };
  }
  return undefined;
}
