// A request that is repeated, at any node, until it is answered.

import { setTimeout as delay } from 'node:timers/promises';
import type { Random } from '../random.ts';
import type { SoakNode } from './soak-node.ts';

const ANSWER_MS = 5000;
const RETRY_MS = 300;

export interface PatientRequest {
  method: 'POST' | 'DELETE';
  path: string;
  headers: Record<string, string>;
  body?: object;
}

export interface PatientAnswer {
  status: number;
  cookie: string;
  // biome-ignore lint/suspicious/noExplicitAny: whoever asks knows what is answered
  body: any;
}

/** @param request may be done more than once */
export async function askAnyNode(nodes: SoakNode[], random: Random, request: PatientRequest): Promise<PatientAnswer> {
  for (;;) {
    const answer = await ask(random.pick(nodes), request).catch(() => undefined);
    if (answer && answer.status !== 503) return answer;
    await delay(RETRY_MS);
  }
}

async function ask({ url }: SoakNode, { method, path, headers, body }: PatientRequest): Promise<PatientAnswer> {
  const response = await fetch(url + path, {
    method,
    headers: { ...headers, ...(body && { 'content-type': 'application/json' }) },
    ...(body && { body: JSON.stringify(body) }),
    signal: AbortSignal.timeout(ANSWER_MS),
  });
  const text = await response.text();
  const [cookie = ''] = response.headers.getSetCookie();
  return { status: response.status, cookie: cookie.split(';')[0] ?? '', body: text ? JSON.parse(text) : undefined };
}
