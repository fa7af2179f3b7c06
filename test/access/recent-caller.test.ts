// Who is calling is believed for a moment when a stream is opened, but what the stream hangs on is looked up once more.

import t from 'tap';
import { Client } from '../helpers/client.ts';
import { openStream } from '../helpers/event-stream.ts';
import { startNode, useDatabase } from '../helpers/node.ts';

const database = await useDatabase(t);
const node = await startNode(t, database.url);
const NOWHERE = '00000000-0000-4000-8000-000000000000';

t.test('who has just signed out opens no stream, however recently one was opened (E6)', async (t) => {
  for (let round = 0; round < 5; round += 1) {
    const ada = await Client.signUp(node);
    const boardId = await ada.createBoard();
    const stream = await openStream(t, node.url, boardId, ada);
    await stream.next('ready');
    t.equal((await ada.delete('/session')).status, 204);
    for (const path of [`/boards/${boardId}/events`, `/events?boards=${boardId}`, `/boards/${NOWHERE}/events`]) {
      const answer = await fetch(node.url + path, { headers: { cookie: ada.cookie, accept: 'text/event-stream' } });
      t.equal(answer.status, 401, path);
      await answer.body?.cancel();
    }
  }
});
