// One's own open streams, as the node that answers has them, asked for again and again while somebody looks.

import { type ReadonlySignal, signal } from '@preact/signals-core';
import { lineOf, type Service } from '../state/service.ts';

export interface OwnStream {
  streamId: string;
  ageSeconds: number;
  waitingBytes: number;
  boards: Array<{ boardId: string; cursor: string | null; behind: number }>;
  boardCount: number;
}

export interface OwnStreams {
  node: string;
  streams: OwnStream[];
  elsewhere?: Array<{ streamId: string; node: string }> | null;
}

export interface OwnStreamsView {
  readonly known: ReadonlySignal<OwnStreams | undefined>;
  /** Why it is not known now; empty: it is. */
  readonly failure: ReadonlySignal<string>;
  /** Ends one of them; its client comes back. */
  cut(streamId: string): Promise<void>;
  /** Asks now. @param boardId of which the streams on other nodes are wanted too */
  look(boardId?: string): Promise<void>;
  close(): void;
}

const EVERY_MS = 2000;

export function watchOwnStreams(service: Service): OwnStreamsView {
  const known = signal<OwnStreams | undefined>(undefined);
  const failure = signal('');
  let board: string | undefined;
  const run = async (what: () => Promise<void>) => {
    try {
      await what();
      failure.value = '';
    } catch (error) {
      failure.value = lineOf(error);
    }
  };
  const read = () =>
    run(async () => {
      known.value = await service.call<OwnStreams>('GET', `/streams${board === undefined ? '' : `?board=${board}`}`);
    });
  const timer = setInterval(() => {
    if (!document.hidden) void read();
  }, EVERY_MS);
  void read();
  return {
    known,
    failure,
    async cut(streamId) {
      await run(() => service.call('DELETE', `/streams/${streamId}`));
      if (failure.value === '') await read();
    },
    async look(boardId) {
      board = boardId;
      await read();
    },
    close: () => clearInterval(timer),
  };
}
