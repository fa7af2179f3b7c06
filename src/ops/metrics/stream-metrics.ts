// What is measured of streams: who is there, what they were sent, and how long an event was on its way to them.

import type { FastifyInstance } from 'fastify';
import { Histogram, type Registry } from 'prom-client';
import type { Stream } from '../../streams/stream.ts';
import { addCounter, addGauge, byLabel } from './metric.ts';

const STAGE_SECONDS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];
const AGE_SECONDS = [1, 10, 60, 300, 900, 1800, 3600, 14_400, 86_400];

type Sources = Pick<FastifyInstance, 'openStreams' | 'hub' | 'waitingBytes' | 'broadcastFigures' | 'streamRefusals'>;

export function addStreamMetrics(registry: Registry, sources: Sources): void {
  const { openStreams, hub, waitingBytes, broadcastFigures, streamRefusals } = sources;
  const closed: Record<string, number> = {};
  const sent = { opened: 0, events: 0, bytes: 0 };
  const age = new Histogram({
    name: 'teamboard_stream_age_seconds',
    help: 'How old streams were when they closed.',
    buckets: AGE_SECONDS,
    registers: [registry],
  });
  openStreams.subscribe({
    opened: () => {
      sent.opened += 1;
    },
    ended: (stream, reason) => {
      closed[reason] = (closed[reason] ?? 0) + 1;
      sent.events += stream.written;
      sent.bytes += stream.connection.sentBytes;
      age.observe(ageOf(stream));
    },
  });
  const all = (of: (stream: Stream) => number) => [...openStreams].reduce((sum, stream) => sum + of(stream), 0);

  addGauge(registry, { name: 'teamboard_streams_open', help: 'Open streams.' }, () => openStreams.size);
  addGauge(
    registry,
    { name: 'teamboard_boards_followed', help: 'Boards that streams follow, or did a moment ago.' },
    () => hub.size,
  );
  addGauge(registry, { name: 'teamboard_stream_oldest_seconds', help: 'Age of the oldest open stream.' }, () =>
    [...openStreams].reduce((oldest, stream) => Math.max(oldest, ageOf(stream)), 0),
  );
  addGauge(
    registry,
    { name: 'teamboard_streams_lagging', help: 'Streams for which something waits.' },
    () => waitingBytes.figures.lagging,
  );
  addGauge(
    registry,
    { name: 'teamboard_waiting_bytes', help: 'Bytes that clients have not taken yet.', labels: ['of'] },
    () => {
      const { streamBytes: streams, otherBytes: others } = waitingBytes.figures;
      return byLabel('of', { streams, others });
    },
  );
  addCounter(
    registry,
    { name: 'teamboard_streams_opened_total', help: 'Streams that were opened.' },
    () => sent.opened,
  );
  addCounter(
    registry,
    { name: 'teamboard_streams_closed_total', help: 'Streams that have ended, by why.', labels: ['reason'] },
    () => byLabel('reason', closed),
  );
  addCounter(
    registry,
    { name: 'teamboard_streams_refused_total', help: 'Streams that a limit kept out, by whose.', labels: ['limit'] },
    () => byLabel('limit', streamRefusals),
  );
  addCounter(
    registry,
    { name: 'teamboard_events_sent_total', help: 'Events of logs that were written to streams.' },
    () => sent.events + all(({ written }) => written),
  );
  addCounter(
    registry,
    { name: 'teamboard_stream_bytes_total', help: 'Bytes that were written to streams.' },
    () => sent.bytes + all(({ connection }) => connection.sentBytes),
  );
  addCounter(
    registry,
    {
      name: 'teamboard_broadcasts_total',
      help: 'Broadcasts: told to a stream; skipped, as its client lags; dropped with others of a crowded board.',
      labels: ['result'],
    },
    () => byLabel('result', broadcastFigures),
  );
  addDeliveryMetrics(registry, sources);
}

function addDeliveryMetrics(registry: Registry, { hub }: Sources): void {
  const { figures } = hub;
  const stages = new Histogram({
    name: 'teamboard_delivery_seconds',
    help: 'From a commit to the wake-up of this node, to the read of the log, to the write to all live streams of the board.',
    labelNames: ['stage'],
    buckets: STAGE_SECONDS,
    registers: [registry],
  });
  // Looked up once: the labels of each call cost more than the rest of it.
  const [wakeUp, read, write] = ['wake-up', 'read', 'write'].map((stage) => stages.labels(stage));
  const logRead = new Histogram({
    name: 'teamboard_log_read_seconds',
    help: 'How long PostgreSQL took for a read of the logs.',
    buckets: STAGE_SECONDS,
    registers: [registry],
  });
  figures.onBatch = ({ wakeUpMs, readMs, writeMs }) => {
    if (wakeUpMs !== undefined) wakeUp?.observe(wakeUpMs / 1000);
    if (readMs !== undefined) read?.observe(readMs / 1000);
    write?.observe(writeMs / 1000);
  };
  figures.onRead = (ms) => logRead.observe(ms / 1000);
  addCounter(
    registry,
    { name: 'teamboard_log_read_events_total', help: 'Events that were read from the logs.' },
    () => figures.read.events,
  );
  addCounter(
    registry,
    { name: 'teamboard_log_read_bytes_total', help: 'Bytes of the events that were read from the logs.' },
    () => figures.read.bytes,
  );
  addCounter(
    registry,
    {
      name: 'teamboard_replay_pages_total',
      help: 'Pages for streams that read the log by themselves, by where they were found.',
      labels: ['source'],
    },
    () => byLabel('source', figures.pages),
  );
}

function ageOf({ openedAt }: Stream): number {
  return (performance.now() - openedAt) / 1000;
}
