// What most tests of a whole path begin with: a user, a board of theirs, and an open stream of it.

import { Client } from './client.ts';
import { type EventStream, openStream } from './event-stream.ts';
import type { TestNode } from './node.ts';
import type { Teardown } from './teardown.ts';

export interface OpenBoard {
  ada: Client;
  boardId: string;
  /** `ready`, at seq 2: the board and its owner. */
  stream: EventStream;
}

/** @param owner default: a new guest */
export async function openBoard(t: Teardown, node: Pick<TestNode, 'url'>, owner?: Client): Promise<OpenBoard> {
  const ada = owner ?? (await Client.signUp(node));
  const boardId = await ada.createBoard();
  const stream = await openStream(t, node.url, boardId, ada);
  await stream.next('ready');
  return { ada, boardId, stream };
}
