// What is measured of what a node stands on: PostgreSQL, the wake-up, the registry, and itself.

import type { FastifyInstance } from 'fastify';
import { collectDefaultMetrics, type Registry } from 'prom-client';
import { addCounter, addGauge, byLabel, type Labelled } from './metric.ts';

type Sources = Pick<
  FastifyInstance,
  'listener' | 'notifier' | 'registry' | 'otherNodes' | 'openStreams' | 'pool' | 'logPool' | 'livePool'
>;

export function addNodeMetrics(registry: Registry, sources: Sources, version: string): void {
  const { listener, notifier, otherNodes, openStreams } = sources;
  // The processor, the memory, the event loop, the garbage collector, and file descriptors.
  collectDefaultMetrics({ register: registry });
  addGauge(
    registry,
    { name: 'teamboard_info', help: 'Always 1: which version runs.', labels: ['version', 'node'] },
    () => [[{ version, node: process.versions.node }, 1]],
  );
  addGauge(registry, { name: 'teamboard_draining', help: '1 while the node is going down.' }, () =>
    Number(openStreams.isDraining),
  );
  addGauge(
    registry,
    { name: 'teamboard_listener_up', help: '1 while PostgreSQL announces changes to this node.' },
    () => Number(listener.isUp),
  );
  addGauge(
    registry,
    { name: 'teamboard_listener_silent_seconds', help: 'Since the connection that listens was last answered.' },
    () => listener.silentMs / 1000,
  );
  addGauge(
    registry,
    { name: 'teamboard_notify_pending', help: 'Boards whose wake-up this node has yet to send.' },
    () => notifier.figures.pending,
  );
  addGauge(
    registry,
    { name: 'teamboard_notify_queue_usage', help: "How full PostgreSQL's queue of notifications is, from 0 to 1." },
    () => notifier.figures.queueUsage,
  );
  addGauge(
    registry,
    { name: 'teamboard_registry_up', help: '1 while this node knows what streams the others have.' },
    () => Number(sources.registry.state === 'up'),
  );
  addGauge(
    registry,
    { name: 'teamboard_registry_entries', help: 'Boards of open streams that this node has in the registry.' },
    () => sources.registry.size,
  );
  addCounter(
    registry,
    { name: 'teamboard_registry_reaped_total', help: 'Streams of dead nodes that this node has taken out.' },
    () => sources.registry.reaped,
  );
  addGauge(
    registry,
    {
      name: 'teamboard_nodes_apart',
      help: 'Nodes on this database that share no Redis with this one: 0, as it should be.',
    },
    () => otherNodes.count,
  );
  addPoolMetrics(registry, sources);
}

function addPoolMetrics(registry: Registry, { pool, logPool, livePool }: Sources): void {
  const pools = { requests: pool, log: logPool, live: livePool };
  addGauge(
    registry,
    { name: 'teamboard_pool_connections', help: 'Connections to PostgreSQL, by lane.', labels: ['pool', 'state'] },
    () =>
      Object.entries(pools).flatMap(
        ([name, { totalCount, idleCount }]): Labelled => [
          [{ pool: name, state: 'busy' }, totalCount - idleCount],
          [{ pool: name, state: 'idle' }, idleCount],
        ],
      ),
  );
  addGauge(
    registry,
    { name: 'teamboard_pool_waiting', help: 'Who waits for a connection to PostgreSQL, by lane.', labels: ['pool'] },
    () =>
      byLabel(
        'pool',
        Object.fromEntries(Object.entries(pools).map(([name, { waitingCount }]) => [name, waitingCount])),
      ),
  );
}
