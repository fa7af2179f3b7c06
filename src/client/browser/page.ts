// The page that the client runs in.

import type { PageEvent } from '../outside.ts';
import type { PageOutside } from '../page-outside.ts';

const types: Array<PageEvent['type']> = ['online', 'pagehide', 'pageshow', 'freeze', 'resume', 'visibilitychange'];
/** Where nothing is painted, whatever a page says of itself: behind other windows, out of sight in a frame. */
const UNSEEN_MS = 250;

export function createOutside(): PageOutside {
  const after: PageOutside['after'] = (ms, callback) => {
    const timer = setTimeout(callback, ms);
    return () => clearTimeout(timer);
  };
  return {
    now: Date.now,
    after,
    frame(callback) {
      let isDue = true;
      const call = () => {
        if (isDue) callback();
        isDue = false;
      };
      requestAnimationFrame(call);
      after(UNSEEN_MS, call);
    },
    random: Math.random,
    // Also without TLS, where `crypto.randomUUID` is missing: the name of a blob ends with one.
    newId() {
      const name = URL.createObjectURL(new Blob());
      URL.revokeObjectURL(name);
      return name.slice(-36);
    },
    fetch: (url, init) => fetch(url, init),
    openStream: (url, withCredentials) => new EventSource(url, { withCredentials }),
    locks: navigator.locks,
    openChannel: (name) => new BroadcastChannel(name),
    report: (error) => reportError(error),
    isHidden: () => document.hidden,
    onPage(listener) {
      const ended = new AbortController();
      const { signal } = ended;
      // Those of the document come by on their way.
      for (const type of types)
        addEventListener(type, (event) => listener(event as PageEvent), { capture: true, signal });
      return () => ended.abort();
    },
  };
}
