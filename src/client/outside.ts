// What the client, and what builds on it, needs of the page that it runs in. Tests bring their own.

/** As much of `navigator.locks` as is used. */
export interface LocksLike {
  request(
    name: string,
    options: { steal?: boolean; signal?: AbortSignal },
    callback: () => Promise<void>,
  ): Promise<unknown>;
}

/** Of the page: `persisted` says of `pageshow` that it was put away and comes back with everything in it. */
export interface PageEvent {
  type: 'online' | 'pagehide' | 'pageshow' | 'freeze' | 'resume' | 'visibilitychange';
  persisted?: boolean;
}

export interface Outside {
  /** Milliseconds since 1970. */
  now(): number;
  /** @returns what ends it */
  after(ms: number, callback: () => void): () => void;
  /** Calls back before the next paint, or soon where nothing is painted. */
  frame(callback: () => void): void;
  /** From 0 to 1, without 1. */
  random(): number;
  /** @returns a UUID that nobody has */
  newId(): string;
  fetch(url: string, init: RequestInit): Promise<Response>;
  /** Undefined where the browser has none, or the page is not secure: then each tab has a stream of its own. */
  locks: LocksLike | undefined;
  isHidden(): boolean;
  /** Says an error of the page where errors of pages are said. */
  report(error: unknown): void;
  /** @returns what ends that */
  onPage(listener: (event: PageEvent) => void): () => void;
}
