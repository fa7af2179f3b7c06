// Who has installed Teamboard can open it without a network. A page in a browser needs no worker, and gets none.

interface Policies {
  createPolicy(name: string, rules: { createScriptURL: () => string }): { createScriptURL(path: string): string };
}

/** @param url of the server, without a slash at the end */
export function keepShell(url: string): void {
  if (!('serviceWorker' in navigator) || !matchMedia('(display-mode: standalone)').matches) return;
  const path = `${url}/worker.js`;
  const { trustedTypes } = globalThis as unknown as { trustedTypes?: Policies };
  const policy = trustedTypes?.createPolicy('teamboard-worker', { createScriptURL: () => path });
  // Without it the page is as it is in a browser.
  navigator.serviceWorker.register(policy?.createScriptURL(path) ?? path).catch(() => {});
}
