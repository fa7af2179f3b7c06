// Follows a board by a stream of a node, over HTTP.

import { setTimeout as delay } from 'node:timers/promises';
import { createParser } from 'eventsource-parser';
import { CommandFailure, exitCodes } from './failure.ts';
import { RETRY_MS, type Receiver } from './follow-receiver.ts';

/** Three heartbeats, as every client is told. */
const SILENCE_MS = 45_000;
const LAST_RETRY_MS = 30_000;

export interface FollowOptions extends Receiver {
  /** Of the node, also with a path. */
  url: string;
  token: string;
  /** An id, or `~` and a key. */
  board: string;
  stopping: AbortSignal;
}

/**
 * Resolves when it is stopped, or when the stream has ended for good.
 *
 * @throws CommandFailure when the node refuses
 */
export async function followStream(options: FollowOptions): Promise<void> {
  const { url, board, stopping, onNote } = options;
  const address = `${url.replace(/\/+$/, '')}/boards/${encodeURIComponent(board).replace('%7E', '~')}/events`;
  let lastId: string | undefined;
  let retryMs = RETRY_MS;
  let isOver = false;
  const parser = () => {
    const waiting: Array<{ event: string; data: string }> = [];
    const { feed } = createParser({
      onEvent: ({ id, event = 'message', data }) => {
        if (id !== undefined) lastId = id;
        waiting.push({ event, data });
      },
      onRetry: (ms) => {
        retryMs = Math.min(ms, LAST_RETRY_MS);
      },
    });
    return async (text: string) => {
      feed(text);
      for (const { event, data } of waiting.splice(0)) {
        if (event === 'changed') await options.onEvent(data);
        else if (event === 'reset') onNote(`reset (${JSON.parse(data).reason}): what was between is not told.`);
        else if (event === 'close' && JSON.parse(data).retry === false) {
          onNote(`the stream has ended: ${JSON.parse(data).reason}.`);
          isOver = true;
        }
      }
    };
  };
  for (let cuts = 0; !isOver && !stopping.aborted; cuts += 1) {
    try {
      await readStream({ ...options, address, lastId, take: parser(), onOpen: () => (cuts = 0) });
    } catch (error) {
      if (stopping.aborted) return;
      if (error instanceof CommandFailure) throw error;
      if (lastId === undefined && cuts === 0) throw unreachable(address, error as Error);
      onNote(`cut: ${reasonOf(error as Error)}. Going on where it was.`);
    }
    if (!isOver) await delay(retryMs, undefined, { signal: stopping }).catch(() => {});
  }
}

interface ReadOptions extends FollowOptions {
  address: string;
  lastId: string | undefined;
  take: (text: string) => Promise<void>;
  onOpen: () => void;
}

/** Resolves when the server has ended it. @throws CommandFailure for an answer that coming back cannot cure */
async function readStream({ address, token, lastId, stopping, take, onOpen }: ReadOptions): Promise<void> {
  const silence = new AbortController();
  const signal = AbortSignal.any([stopping, silence.signal]);
  const watch = setTimeout(() => silence.abort(new Error(`silent for ${SILENCE_MS / 1000} s`)), SILENCE_MS);
  try {
    const response = await fetch(address, {
      headers: {
        accept: 'text/event-stream',
        authorization: `Bearer ${token}`,
        ...(lastId !== undefined && { 'last-event-id': lastId }),
      },
      signal,
    });
    if (response.status >= 500) throw new Error(`the answer is ${response.status}`);
    if (!response.ok) throw await refusal(response);
    if (!response.headers.get('content-type')?.startsWith('text/event-stream') || !response.body) {
      throw new CommandFailure('TB_NO_STREAM', `${address} answers with no stream: is it a node of Teamboard?`);
    }
    onOpen();
    const decoder = new TextDecoder();
    for await (const chunk of response.body) {
      watch.refresh();
      await take(decoder.decode(chunk as Uint8Array, { stream: true }));
    }
  } finally {
    clearTimeout(watch);
  }
}

async function refusal(response: Response): Promise<CommandFailure> {
  const body = (await response.json().catch(() => ({}))) as { code?: string; detail?: string };
  const { code = 'TB_REFUSED', detail = '' } = body;
  const exitCode = response.status === 404 ? exitCodes.missing : exitCodes.failed;
  return new CommandFailure(code, `the node answers ${response.status}${detail && `: ${detail}`}`, exitCode);
}

function unreachable(address: string, error: Error): CommandFailure {
  const line = `${new URL(address).origin} cannot be reached (${reasonOf(error)}): check --url.`;
  return new CommandFailure('TB_NODE_AWAY', line, exitCodes.unreachable);
}

/** `fetch` says "fetch failed", and why in the cause. */
function reasonOf(error: Error): string {
  return (error.cause as Error | undefined)?.message || error.message;
}
