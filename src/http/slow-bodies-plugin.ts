// Gives up requests whose body comes too slowly, however long a body that comes steadily may take.

import type { IncomingMessage } from 'node:http';
import type { FastifyInstance } from 'fastify';
import fastifyPlugin from 'fastify-plugin';
import type { Timings } from '../timings.ts';

/** On average. A body of 1 MiB may take 8 minutes, over the slowest of mobile networks. */
const LEAST_BYTES_PER_SECOND = 2048;

export interface SlowBodiesOptions {
  /** Called once, with a request whose body came too slowly. */
  giveUp: (request: IncomingMessage) => void;
  timings: Pick<Timings['requests'], 'bodySilenceMs' | 'bodyLookMs'>;
}

/** Node's own limit is one for the whole request, and so for the slowest line that shall be served. */
export default fastifyPlugin(
  async (app: FastifyInstance, { giveUp, timings }: SlowBodiesOptions) => {
    const watched = new WeakSet<IncomingMessage>();
    const watch = (request: IncomingMessage) => {
      if (request.complete || watched.has(request)) return;
      watched.add(request);
      watchBody(request, timings, () => giveUp(request));
    };
    // Before it is read: what is not read does not come either, while somebody looks up who is calling.
    app.addHook('preParsing', async ({ raw }) => watch(raw));
    // One that is refused without being read: Node still takes the rest of it.
    app.addHook('onResponse', async ({ raw }) => watch(raw));
  },
  { name: 'slow-bodies' },
);

function watchBody(
  request: IncomingMessage,
  { bodySilenceMs, bodyLookMs }: SlowBodiesOptions['timings'],
  onTooSlow: () => void,
): void {
  const { socket } = request;
  const startedAt = performance.now();
  const before = socket.bytesRead;
  let last = { bytes: before, at: startedAt };
  const timer = setInterval(() => {
    if (request.complete || socket.destroyed) return clearInterval(timer);
    const now = performance.now();
    const bytes = socket.bytesRead;
    if (bytes > last.bytes) last = { bytes, at: now };
    const due = ((now - startedAt - bodySilenceMs) / 1000) * LEAST_BYTES_PER_SECOND;
    if (now - last.at < bodySilenceMs && bytes - before >= due) return;
    clearInterval(timer);
    onTooSlow();
  }, bodyLookMs);
}
