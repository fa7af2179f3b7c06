// The clients that people use to read such streams, as each of them is, under one roof.

import { createRequire } from 'node:module';
import { fetchEventSource } from '@microsoft/fetch-event-source';
import { EventSource as EventSource4 } from 'eventsource';
import { createEventSource } from 'eventsource-client';
import { createParser } from 'eventsource-parser';
import { EventSource as UndiciEventSource } from 'undici';

/** What the page was shown. */
export interface Shown {
  event: string;
  data: string;
}

interface SseClient {
  /**
   * Takes an id when its line comes. So it has the id of an event that it never shows, when it is cut between that line and
   * the empty one; no server can help that one byte.
   */
  takesIdEarly?: boolean;
  /** Opens the stream, and comes back to it by itself. @returns what ends it */
  open(url: string, onShown: (shown: Shown) => void): () => void;
}

interface Source {
  addEventListener(name: string, listener: (event: { type: string; data?: unknown }) => void): void;
  close(): void;
}

const names = ['message', 'ready', 'snapshot', 'changed', 'own', 'reset', 'heartbeat', 'close'];

function listen(source: Source, onShown: (shown: Shown) => void): () => void {
  for (const name of names) {
    source.addEventListener(name, ({ type, data }) => onShown({ event: type, data: String(data) }));
  }
  source.addEventListener('error', () => {});
  return () => source.close();
}

const EventSource2 = createRequire(import.meta.url)('eventsource2') as new (url: string) => Source;

export const sseClients: Record<string, SseClient> = {
  'eventsource 2': { takesIdEarly: true, open: (url, onShown) => listen(new EventSource2(url), onShown) },
  'eventsource 4': { open: (url, onShown) => listen(new EventSource4(url) as Source, onShown) },
  undici: { open: (url, onShown) => listen(new UndiciEventSource(url) as unknown as Source, onShown) },
  'eventsource-client': {
    open: (url, onShown) => {
      const client = createEventSource({
        url,
        onMessage: ({ event = 'message', data }) => onShown({ event, data }),
      });
      return () => client.close();
    },
  },
  'fetch-event-source': { takesIdEarly: true, open: openFetchEventSource },
  'eventsource-parser over fetch': { open: openParser },
};

/** It is made for pages: of those it touches `window.fetch`, its timers, and whether the tab is shown. */
function openFetchEventSource(url: string, onShown: (shown: Shown) => void): () => void {
  const { fetch, setTimeout, clearTimeout } = globalThis;
  const document = { hidden: false, addEventListener: () => {}, removeEventListener: () => {} };
  Object.assign(globalThis, { window: { fetch, setTimeout, clearTimeout }, document });
  const stopping = new AbortController();
  void fetchEventSource(url, {
    signal: stopping.signal,
    openWhenHidden: true,
    // Unlike an EventSource it takes an end in order for the end.
    onclose: () => {
      throw new Error('the stream has ended');
    },
    onmessage: ({ event, data }) => onShown({ event: event || 'message', data }),
  }).catch(() => {});
  return () => stopping.abort();
}

/** What somebody writes who has a parser and nothing else. */
function openParser(url: string, onShown: (shown: Shown) => void): () => void {
  const stopping = new AbortController();
  const { signal } = stopping;
  void (async () => {
    let lastEventId: string | undefined;
    let retryMs = 1000;
    while (!signal.aborted) {
      const parser = createParser({
        onEvent: ({ id, event = 'message', data }) => {
          lastEventId = id ?? lastEventId;
          onShown({ event, data });
        },
        onRetry: (ms) => {
          retryMs = ms;
        },
      });
      try {
        const headers = { accept: 'text/event-stream', ...(lastEventId && { 'last-event-id': lastEventId }) };
        const response = await fetch(url, { headers, signal });
        const decoder = new TextDecoder();
        for await (const bytes of response.body ?? []) parser.feed(decoder.decode(bytes, { stream: true }));
      } catch {
        // Cut, as these connections are.
      }
      await new Promise((resolve) => setTimeout(resolve, retryMs));
    }
  })();
  return () => stopping.abort();
}
