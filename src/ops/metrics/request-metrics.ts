// What is measured of requests. A stream is none: it has metrics of its own.

import { Counter, Histogram, type Registry } from 'prom-client';

const SECONDS = [0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

export interface AnsweredRequest {
  method: string;
  /** As it was registered; undefined for an address that is nobody's, as anybody can make up endless ones. */
  route: string | undefined;
  status: number;
  ms: number;
  /** Of the problem that it was answered with. */
  code: string | undefined;
}

/** @returns what each answered request is to be told to */
export function addRequestMetrics(registry: Registry): (request: AnsweredRequest) => void {
  const requests = new Counter({
    name: 'teamboard_requests_total',
    help: 'Requests that were answered, by route and status.',
    labelNames: ['method', 'route', 'status'],
    registers: [registry],
  });
  const seconds = new Histogram({
    name: 'teamboard_request_seconds',
    help: 'How long requests took.',
    labelNames: ['method'],
    buckets: SECONDS,
    registers: [registry],
  });
  const problems = new Counter({
    name: 'teamboard_problems_total',
    help: 'Requests that were refused, by the code of the problem: limits that were met, and all else.',
    labelNames: ['code'],
    registers: [registry],
  });
  return ({ method, route = 'none', status, ms, code }) => {
    requests.inc({ method, route, status });
    seconds.observe({ method }, ms / 1000);
    if (code !== undefined) problems.inc({ code });
  };
}
