// What of the page only the live part needs: nobody who builds on the client sees it.

import type { Outside } from './outside.ts';

/** As much of an EventSource as is used. */
export interface StreamLike {
  /** 0: connecting, 1: open, 2: closed for good. */
  readonly readyState: number;
  addEventListener(type: string, listener: (event: { data?: string; lastEventId?: string }) => void): void;
  close(): void;
}

/** As much of a BroadcastChannel as is used. */
export interface ChannelLike {
  postMessage(message: unknown): void;
  addEventListener(type: 'message', listener: (event: { data: unknown }) => void): void;
  close(): void;
}

export interface PageOutside extends Outside {
  openStream(url: string, withCredentials: boolean): StreamLike;
  /** @throws where the browser has none, or the page may have none */
  openChannel(name: string): ChannelLike;
}
