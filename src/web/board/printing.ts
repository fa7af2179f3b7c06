// Whether the page is being printed: notes on a canvas lie anywhere, and only those in sight have elements, so a list is printed.

import { type ReadonlySignal, signal } from '@preact/signals-core';

export interface Printing {
  readonly is: ReadonlySignal<boolean>;
  close(): void;
}

export function watchPrinting(): Printing {
  const is = signal(false);
  const closed = new AbortController();
  const media = matchMedia('print');
  const follow = (isPrinted: boolean, target: EventTarget, type: string) => {
    const look = () => {
      is.value = isPrinted || media.matches;
    };
    target.addEventListener(type, look, { signal: closed.signal });
  };
  // Not every browser tells of the one, nor of the other.
  follow(false, media, 'change');
  follow(true, window, 'beforeprint');
  follow(false, window, 'afterprint');
  is.value = media.matches;
  return { is, close: () => closed.abort() };
}
