// What an installed Teamboard opens with while the server cannot be reached: its page and files, and nothing that the server says.
//
// Whoever can reach the server has all from there: so an upgrade never leaves a page with old files. What is kept fits together,
// and goes as a whole when the next version has come and no page is open that might still load of it.

interface LifeEvent {
  waitUntil(work: Promise<unknown>): void;
}

interface FetchEvent {
  request: Request;
  respondWith(answer: Promise<Response>): void;
}

interface Scope {
  registration: { scope: string };
  addEventListener(type: 'install' | 'activate', listener: (event: LifeEvent) => void): void;
  addEventListener(type: 'fetch', listener: (event: FetchEvent) => void): void;
}

const scope = globalThis as unknown as Scope;
/** The build writes them: what the page loads, at once or later. */
const { version, files } = JSON.parse('__SHELL__') as { version: string; files: string[] };

const PREFIX = 'teamboard-shell-';
const base = new URL(scope.registration.scope);
const at = (path: string) => new URL(path, base).href;
const shell = at('./');
const kept = new Set(files.map(at));

/** @throws Error when a node of another version has answered: it is tried again when the next page is opened */
async function readPage(): Promise<Response> {
  const answer = await fetch(shell, { cache: 'reload', headers: { Accept: 'text/html' } });
  // Who is nobody now may be somebody when it is shown.
  const page = (await answer.text()).replace(' data-visitor="stranger"', '');
  const links = [...page.matchAll(/(?:src|href)="([^"]*\/assets\/[^"]+)"/g)].map(([, link = '']) => at(link));
  if (!answer.ok || links.length === 0 || !links.every((link) => kept.has(link))) throw new Error('another version');
  return new Response(page, { headers: answer.headers });
}

scope.addEventListener('install', (event) => {
  const keep = async () => {
    const page = await readPage();
    const cache = await caches.open(PREFIX + version);
    await cache.addAll([...kept]);
    await cache.put(shell, page);
  };
  event.waitUntil(keep());
});

scope.addEventListener('activate', (event) => {
  const forget = async () => {
    const old = (await caches.keys()).filter((name) => name.startsWith(PREFIX) && name !== PREFIX + version);
    await Promise.all(old.map((name) => caches.delete(name)));
  };
  event.waitUntil(forget());
});

scope.addEventListener('fetch', (event) => {
  const { request } = event;
  const path = request.url.slice(base.href.length).split(/[?#]/)[0] ?? '';
  const isPage = request.mode === 'navigate' && /^(?:|[bi]\/[^/]+|debug\/streams)$/.test(path);
  // All else, the API and the streams above all, goes its way as if this were not here.
  if (request.method !== 'GET' || !(isPage || kept.has(request.url))) return;
  const answer = async () => {
    try {
      return await fetch(request);
    } catch (error) {
      const cache = await caches.open(PREFIX + version);
      const found = await cache.match(isPage ? shell : request.url);
      if (!found) throw error;
      return found;
    }
  };
  event.respondWith(answer());
});
