// The name of a request, by which its lines in the log are found: the one that it came with, or a new one.

import { randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';

/** Without an underscore: no token of ours is one by mistake. */
const REQUEST_ID = /^[A-Za-z0-9.-]{1,64}$/;
/** W3C Trace Context, 3.2: version, trace, parent, flags. */
const TRACE_PARENT = /^[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(?:-|$)/;

/** @returns what `X-Request-Id` says, else the trace of `traceparent`; a new one where neither says anything usable */
export function requestIdOf({ headers }: Pick<IncomingMessage, 'headers'>): string {
  const given = headers['x-request-id'];
  if (typeof given === 'string' && REQUEST_ID.test(given)) return given;
  return traceOf(headers) ?? randomUUID();
}

/** @returns undefined where there is none */
export function traceOf(headers: IncomingMessage['headers']): string | undefined {
  const { traceparent } = headers;
  return typeof traceparent === 'string' ? TRACE_PARENT.exec(traceparent)?.[1] : undefined;
}
