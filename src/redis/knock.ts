// Finds out why nothing sensible came from a port: TLS is spoken to a server without it, or the other way round, or it
// lets nobody in.

import net from 'node:net';
import tls from 'node:tls';
import { ReplyError } from 'ioredis';
import { readRedisAddress } from './redis-address.ts';
import { explainRefusal } from './redis-refusal.ts';

const PATIENCE_MS = 1000;

/**
 * Knocks at the first address, and listens whether it answers in the other protocol.
 *
 * @returns one line that says what is wrong
 */
export async function knock(url: string): Promise<string | undefined> {
  const { nodes, tls: wantsTls } = readRedisAddress(url);
  const [first] = nodes;
  if (!first) return undefined;
  if (wantsTls) {
    if (!(await speaksPlainly(first))) return undefined;
    return 'REDIS_URL asks for TLS, and this Redis speaks without: begin it with redis, not rediss, or use its port for TLS.';
  }
  // Meanwhile: each takes all of its time where nothing is said.
  const listening = listen(first);
  if (await speaksTls(first)) return 'REDIS_URL leads to a port that wants TLS: begin it with rediss, not redis.';
  const greeting = await listening;
  return greeting ? explainRefusal(new ReplyError(greeting)) : undefined;
}

interface Door {
  host: string;
  port: number;
}

async function speaksPlainly({ host, port }: Door): Promise<boolean> {
  const socket = net.connect({ host, port });
  socket.once('connect', () => socket.write('PING\r\n'));
  return /^[+-][A-Z]/.test(await firstWord(socket));
}

/** @returns what the server says without being asked, without the dash that makes it an error */
async function listen(door: Door): Promise<string> {
  const said = await firstWord(net.connect(door));
  return said.startsWith('-') ? said.slice(1) : '';
}

function speaksTls({ host, port }: Door): Promise<boolean> {
  return new Promise((resolve) => {
    // Nothing is told to it: who it is does not matter here.
    const socket = tls.connect({
      host,
      port,
      rejectUnauthorized: false,
      ...(net.isIP(host) === 0 && { servername: host }),
    });
    const settle = (result: boolean) => {
      socket.destroy();
      resolve(result);
    };
    socket.setTimeout(PATIENCE_MS, () => settle(false));
    // A server that wants a certificate of ours closes only after the handshake: it speaks TLS too.
    socket.once('secureConnect', () => settle(true));
    socket.once('error', () => settle(false)).once('close', () => settle(false));
  });
}

/** @returns what is said first; nothing when that does not come in time */
function firstWord(socket: net.Socket): Promise<string> {
  return new Promise((resolve) => {
    const settle = (said: string) => {
      socket.destroy();
      resolve(said);
    };
    // What has come while this process stood still is heard first.
    socket.setTimeout(PATIENCE_MS, () => setImmediate(settle, ''));
    socket.once('data', (data) => settle(data.toString('latin1')));
    socket.once('error', () => settle('')).once('close', () => settle(''));
  });
}
