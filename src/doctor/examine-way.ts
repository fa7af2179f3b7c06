// What clients meet on their way to a node: by the requests and the check of the way that its own page uses.

import { connect } from 'node:tls';
import { type Measured, measureWay } from '../way/measure-way.ts';
import { mendings } from '../way/mending.ts';
import { type Finding, judgeWay } from '../way/way-verdict.ts';
import { ClientOfNode } from './client-of-node.ts';
import { Fault, type Report, type Warning } from './report.ts';

/** A stream that begins later than any other answer by so much was held back. */
const LATE_MS = 1000;
/** Rounds, the longest silence, and what a proxy may hold back. */
const WAY_MS = 180_000;
const TLS_MS = 5000;

const findings = ['buffering', 'compression', 'silence', 'HTTP'];
const later = ['first event', ...findings, 'forwarded'];

export interface WayOptions {
  /** As clients see it, without a slash at the end. */
  url: string;
  /** Of somebody; undefined: a guest is made, and removed again. */
  token: string | undefined;
  onStep: (step: string) => void;
}

export async function examineWay(report: Report, { url, token, onStep }: WayOptions): Promise<void> {
  const client = new ClientOfNode(url, token, report.stopping);
  let answerMs = 0;
  const isReached = await report.run('GET /livez', async () => {
    const beganAt = performance.now();
    const { status, headers, body } = await client.ask('/livez');
    answerMs = performance.now() - beganAt;
    const location = headers.get('location');
    if (location !== null) throw new Fault(`${url} leads on to ${location}: name that by --url.`);
    if (status !== 200 || body?.alive !== true) {
      throw new Fault(`it answers ${status}, and not as a node does: let the proxy lead to nodes, and --url to it.`);
    }
    return `a node answers, after ${Math.round(answerMs)} ms`;
  });
  if (!isReached) return report.skip(['GET /readyz', 'guest', ...later], 'no node answers');
  await report.run('GET /readyz', async () => judgeReadiness(await client.ask('/readyz')));
  try {
    const isIn = await report.run('guest', async () => {
      await client.enter();
      return token === undefined ? 'made, and removed at the end' : 'not needed: TEAMBOARD_TOKEN says who is calling';
    });
    if (isIn) await examineStreams(report, client, { url, answerMs, onStep });
    else await report.skip(later, 'nobody may open a stream');
  } finally {
    // Guests whom nobody uses go by themselves, if later.
    await client.leave().catch(() => {});
  }
}

interface StreamOptions extends Pick<WayOptions, 'url' | 'onStep'> {
  /** Of an answer that is no stream. */
  answerMs: number;
}

async function examineStreams(report: Report, client: ClientOfNode, options: StreamOptions): Promise<void> {
  const { url, answerMs, onStep } = options;
  let measured: Measured | undefined;
  const firsts: number[] = [];
  await report.run(
    'first event',
    async () => {
      measured = await measure(client, report.stopping, firsts, onStep);
      const firstMs = Math.round(Math.min(...firsts));
      const found = `${firstMs} ms after it was asked for`;
      if (firstMs - answerMs < LATE_MS) return found;
      return { warning: `${found}, and an answer without a stream takes ${Math.round(answerMs)} ms.` };
    },
    WAY_MS,
  );
  if (!measured) return report.skip(later.slice(1), 'no stream has told it');
  const way = measured;
  const judged = judgeWay({ ...way, protocol: await protocolOf(url) });
  for (const [index, name] of findings.entries()) {
    const found = judged[index];
    if (found) await report.run(name, async () => asFound(found));
  }
  await report.run('forwarded', async () => judgeForwarded(way, url));
}

/** @param firsts is filled with how long each answer took until its first event */
async function measure(
  client: ClientOfNode,
  stopping: AbortSignal,
  firsts: number[],
  onStep: (step: string) => void,
): Promise<Measured> {
  const read = client.readCheck(({ status, headers }) => {
    if (status !== 200 || !headers.get('content-type')?.startsWith('text/event-stream')) {
      throw new Fault(`GET /streams/check answers ${status}, and no stream: the proxy must pass on what it answers.`);
    }
  });
  return measureWay(
    (query, { onHead, onEvent }) => {
      const askedAt = performance.now();
      let isFirst = true;
      return read(query, {
        onHead,
        onEvent: (name, data) => {
          if (isFirst) firsts.push(performance.now() - askedAt);
          isFirst = false;
          onEvent(name, data);
        },
      });
    },
    stopping,
    onStep,
  );
}

function judgeReadiness({ status, body }: Awaited<ReturnType<ClientOfNode['ask']>>): string | Warning {
  const { draining, choked, postgres, listener, registry, nodesApart = 0, otherDatabases = 0 } = body ?? {};
  if (draining === true) throw new Fault('the node goes down (draining): ask again, and another one answers.');
  if (choked === true) throw new Fault('the node has no processor time left (choked): add a node.');
  if (status !== 200) throw new Fault(`it answers ${status}: let the proxy lead to nodes.`);
  if (postgres === 'down') throw new Fault('PostgreSQL is away from the node: see DATABASE_URL, and its log.');
  if (listener === 'down')
    throw new Fault('the node hears nothing of PostgreSQL: see DATABASE_DIRECT_URL, and its log.');
  if (registry === 'down') throw new Fault('Redis is away from the node: see REDIS_URL, and its log.');
  if (nodesApart > 0) {
    throw new Fault(
      `${nodesApart} nodes on this database have no Redis in common with it: set one REDIS_URL and REDIS_PREFIX.`,
    );
  }
  if (otherDatabases > 0) {
    return {
      warning: `nodes of ${otherDatabases} other databases use the same Redis and prefix: set a REDIS_PREFIX for each installation.`,
    };
  }
  return 'the node is ready, with PostgreSQL, listener and registry';
}

function asFound({ tone, text, fault }: Finding): string | Warning {
  const rows = fault === undefined ? [] : mendings[fault].rows;
  const cure = rows.map(([where, what]) => `${where}: ${what}`).join('. ');
  const whole = cure === '' ? text : `${text} (docs/proxies.md) ${cure}.`;
  if (tone === 'bad') throw new Fault(whole);
  return tone === 'note' ? { warning: whole } : whole;
}

/** What the proxy says of the request, and whether the node believes it. */
function judgeForwarded({ isForwarded, isBelieved, isOverTls }: Measured, url: string): string | Warning {
  if (isBelieved === undefined || isOverTls === undefined)
    return 'a node of this version would tell; this one is older';
  const { protocol, origin } = new URL(url);
  if (protocol === 'https:' && !isOverTls) {
    throw new Fault(
      'the node takes it that browsers come by http, and its cookies are not Secure: let the proxy send ' +
        `X-Forwarded-Proto and TRUST_PROXY name it, or set PUBLIC_URL=${origin}.`,
    );
  }
  if (protocol === 'http:' && isOverTls) {
    return {
      warning: 'the node takes it that browsers come by https (PUBLIC_URL, X-Forwarded-Proto): name that by --url.',
    };
  }
  if (isBelieved) return 'the node believes what the proxy says of the client (TRUST_PROXY)';
  if (!isForwarded) return 'nothing in between names itself';
  return {
    warning:
      'the node does not learn who the client is, and all are one address: set TRUST_PROXY to the addresses of the ' +
      'proxies, as the node sees them, and let them send X-Forwarded-For (docs/proxies.md).',
  };
}

/** @returns what a browser would speak; empty: the server does not say */
async function protocolOf(url: string): Promise<string> {
  const { protocol, hostname, port } = new URL(url);
  if (protocol === 'http:') return 'http/1.1';
  const host = hostname.replace(/^\[|\]$/g, '');
  return new Promise((resolve) => {
    // What is told here is no secret, and the other requests have looked at the certificate.
    const socket = connect({
      ...{ host, port: Number(port || 443), rejectUnauthorized: false },
      ...(/[a-z]/i.test(host) && !host.includes(':') && { servername: host }),
      ALPNProtocols: ['h2', 'http/1.1'],
    });
    const settle = (spoken: string) => {
      socket.destroy();
      resolve(spoken);
    };
    socket.setTimeout(TLS_MS, () => settle(''));
    socket.once('secureConnect', () => settle(socket.alpnProtocol || 'http/1.1'));
    socket.once('error', () => settle(''));
  });
}
