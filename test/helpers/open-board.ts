// What most tests of a whole path begin with: a user, a board of theirs, and open streams of it.

import { Client } from './client.ts';
import { type EventStream, openStream } from './event-stream.ts';
import type { TestNode } from './node.ts';
import type { Teardown } from './teardown.ts';

export interface OpenBoard {
  ada: Client;
  boardId: string;
  /** The stream of the board alone, after `ready`, at seq 2: the board and its owner. */
  stream: EventStream;
  /** What a stream tells of it that has another board as well, from the same place. */
  oneOfMany: EventStream;
  /** Both. */
  streams: [EventStream, EventStream];
  /** The other board. */
  besideId: string;
}

/** @param owner default: a new guest */
export async function openBoard(t: Teardown, node: Pick<TestNode, 'url'>, owner?: Client): Promise<OpenBoard> {
  const ada = owner ?? (await Client.signUp(node));
  const [boardId, besideId] = [await ada.createBoard(), await ada.createBoard()];
  const stream = await openStream(t, node.url, boardId, ada);
  const oneOfMany = await openStream(t, node.url, boardId, { ...ada, beside: [besideId] });
  await Promise.all([stream.next('ready'), oneOfMany.next('ready')]);
  return { ada, boardId, stream, oneOfMany, streams: [stream, oneOfMany], besideId };
}
