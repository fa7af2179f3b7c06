// GET /streams/check: an answer by which a page learns what the way in between does to streams.

import { Readable } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { Type } from 'typebox';
import { Problem } from '../problems/problem.ts';

const STREAM = 'text/event-stream';
/** Of one user on this node: each takes a connection, for as long as its silence. */
const MOST_AT_ONCE = 4;
/** Of the streams that a node may have, for all users together: anybody can make a guest, and the next one. */
const NODE_SHARE = 0.01;
const STEP_MS = 100;

const CheckText = Type.String({
  contentMediaType: STREAM,
  contentSchema: {
    type: 'array',
    items: Type.Object({
      event: Type.Enum(['tick', 'end']),
      data: Type.Object({
        atMs: Type.Number({ description: 'When it was written, from the first one on.' }),
        httpVersion: Type.String({ description: 'By which the request came to this node.' }),
        isForwarded: Type.Boolean({ description: 'Whether something in between has named itself.' }),
        isBelieved: Type.Boolean({
          description: 'Whether it was believed whose request it passes on (`TRUST_PROXY`).',
        }),
        isOverTls: Type.Boolean({ description: 'Whether this node takes it that browsers reach it by https.' }),
      }),
    }),
  },
});

export interface WayOptions {
  heartbeatSeconds: number;
  streamsPerNode: number;
}

export const wayRoutes: FastifyPluginAsyncTypebox<WayOptions> = async (app, options) => {
  const { heartbeatSeconds, streamsPerNode } = options;
  const mostOnNode = Math.max(1, Math.floor(streamsPerNode * NODE_SHARE));
  const checks = new Map<AbortController, string>();
  app.addHook('onRequest', app.requireCaller);
  // The server waits for open answers before it closes.
  app.addHook('preClose', async () => {
    for (const check of checks.keys()) check.abort();
  });

  app.get(
    '/streams/check',
    {
      exposeHeadRoute: false,
      config: { opensStream: true },
      schema: {
        tags: ['Stream'],
        operationId: 'checkWay',
        summary: 'Find out what stands between you and this node',
        description:
          `An event \`tick\` every ${STEP_MS} ms, then silence, then \`end\`, with the header fields of a stream. Whoever ` +
          'compares the times at which they come with those at which they were written (`atMs`) knows whether ' +
          `something in between keeps them back, or ends what is silent. ${MOST_AT_ONCE} at once for a user.`,
        security: [{ session: [] }],
        querystring: Type.Object({
          ticks: Type.Integer({ minimum: 2, maximum: 50, default: 10 }),
          silence: Type.Optional(
            Type.Number({
              minimum: 0,
              maximum: 60,
              description: 'In seconds; default: as long as between two heartbeats.',
            }),
          ),
        }),
        problems: ['TB_TOO_MANY_STREAMS'],
        response: { 200: { description: 'The events.', content: { [STREAM]: { schema: CheckText } } } },
      },
    },
    async (request, reply) => {
      const { caller, query, headers, raw, ips = [], isOverTls } = request;
      const { ticks, silence = heartbeatSeconds } = query;
      const userId = caller.user.id;
      if ([...checks.values()].filter((each) => each === userId).length >= MOST_AT_ONCE) {
        throw new Problem('TB_TOO_MANY_STREAMS', `At most ${MOST_AT_ONCE} checks at once. Wait until one has ended.`, {
          headers: { 'retry-after': '5' },
        });
      }
      if (checks.size >= mostOnNode) {
        throw new Problem('TB_TOO_MANY_STREAMS', 'Others check their way now. Wait until they are done.', {
          headers: { 'retry-after': '30' },
        });
      }
      const check = new AbortController();
      checks.set(check, userId);
      reply.raw.once('close', () => {
        check.abort();
        checks.delete(check);
      });
      const isForwarded = ['via', 'forwarded', 'x-forwarded-for', 'x-real-ip'].some((name) => name in headers);
      // The first one is the other end of the connection.
      const isBelieved = ips.length > 1;
      const about = { httpVersion: raw.httpVersion, isForwarded, isBelieved, isOverTls };
      return reply
        .headers({ 'cache-control': 'no-store, no-transform', 'x-accel-buffering': 'no' })
        .type(STREAM)
        .send(Readable.from(framesOf({ ticks, silence, about, signal: check.signal })) as never);
    },
  );
};

interface Frames {
  ticks: number;
  silence: number;
  about: object;
  /** Aborted when nobody is left who reads. */
  signal: AbortSignal;
}

async function* framesOf({ ticks, silence, about, signal }: Frames): AsyncGenerator<string> {
  const beganAt = performance.now();
  const frame = (event: string) => {
    const data = { atMs: Math.round(performance.now() - beganAt), ...about };
    return `event:${event}\ndata:${JSON.stringify(data)}\n\n`;
  };
  try {
    for (let count = 0; count < ticks; count += 1) {
      if (count > 0) await delay(STEP_MS, undefined, { signal });
      yield frame('tick');
    }
    await delay(silence * 1000, undefined, { signal });
    yield frame('end');
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}
