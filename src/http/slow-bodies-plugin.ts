// Gives up requests whose body comes too slowly, however long a body that comes steadily may take.

import type { IncomingMessage } from 'node:http';
import type { FastifyInstance } from 'fastify';
import fastifyPlugin from 'fastify-plugin';

const LOOK_INTERVAL_MS = 1000;
/** How long nothing may come. Also how long a body has before its rate counts. */
const MOST_SILENCE_MS = 8000;
/** On average. A body of 1 MiB may take 8 minutes, over the slowest of mobile networks. */
const LEAST_BYTES_PER_SECOND = 2048;

export interface SlowBodiesOptions {
  /** Called once, with a request whose body came too slowly. */
  giveUp: (request: IncomingMessage) => void;
}

/** Node's own limit is one for the whole request, and so for the slowest line that shall be served. */
export default fastifyPlugin(
  async (app: FastifyInstance, { giveUp }: SlowBodiesOptions) => {
    const watched = new WeakSet<IncomingMessage>();
    const watch = (request: IncomingMessage) => {
      if (request.complete || watched.has(request)) return;
      watched.add(request);
      watchBody(request, () => giveUp(request));
    };
    // Before it is read: what is not read does not come either, while somebody looks up who is calling.
    app.addHook('preParsing', async ({ raw }) => watch(raw));
    // One that is refused without being read: Node still takes the rest of it.
    app.addHook('onResponse', async ({ raw }) => watch(raw));
  },
  { name: 'slow-bodies' },
);

function watchBody(request: IncomingMessage, onTooSlow: () => void): void {
  const { socket } = request;
  const startedAt = performance.now();
  const before = socket.bytesRead;
  let last = { bytes: before, at: startedAt };
  const timer = setInterval(() => {
    if (request.complete || socket.destroyed) return clearInterval(timer);
    const now = performance.now();
    const bytes = socket.bytesRead;
    if (bytes > last.bytes) last = { bytes, at: now };
    const due = ((now - startedAt - MOST_SILENCE_MS) / 1000) * LEAST_BYTES_PER_SECOND;
    if (now - last.at < MOST_SILENCE_MS && bytes - before >= due) return;
    clearInterval(timer);
    onTooSlow();
  }, LOOK_INTERVAL_MS);
}
