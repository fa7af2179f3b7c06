// What is measured of webhooks: what was taken and what failed, how long that took, and how far behind they are.

import type { FastifyInstance } from 'fastify';
import { Histogram, type Registry } from 'prom-client';
import { addCounter, addGauge, byLabel } from './metric.ts';

const SECONDS = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20];

export function addWebhookMetrics(registry: Registry, { deliveries }: Pick<FastifyInstance, 'deliveries'>): void {
  const { figures } = deliveries;
  const seconds = new Histogram({
    name: 'teamboard_webhook_attempt_seconds',
    help: 'How long an attempt to tell a webhook took.',
    buckets: SECONDS,
    registers: [registry],
  });
  figures.onAttempt = (each) => seconds.observe(each);
  addCounter(
    registry,
    { name: 'teamboard_webhook_attempts_total', help: 'Attempts to tell a webhook, by result.', labels: ['result'] },
    () => byLabel('result', { taken: figures.taken, failed: figures.failed }),
  );
  addGauge(
    registry,
    { name: 'teamboard_webhooks_held', help: 'Active webhooks that this node tells.' },
    () => figures.held,
  );
  addGauge(
    registry,
    { name: 'teamboard_webhooks_paused', help: 'Webhooks that are paused, of all nodes.' },
    () => figures.paused,
  );
  addGauge(
    registry,
    {
      name: 'teamboard_webhook_lag_seconds',
      help: 'Age of the oldest event that a webhook of this node has yet to be told.',
    },
    () => figures.lagSeconds,
  );
}
