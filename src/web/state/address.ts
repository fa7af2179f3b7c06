// Which page of the application an address names.

export type Form = 'sign-in' | 'register' | 'keep';

export type Route =
  | { page: 'home' }
  /** Afterwards it goes on to `next`. */
  | { page: Form; next: string }
  | { page: 'board'; id: string }
  | { page: 'invite'; token: string }
  | { page: 'debug' }
  | { page: 'nowhere' };

/** @param path below the base, with a slash in front. @param hash a form of the account, on the way to that path */
export function parseRoute(path: string, hash: string): Route {
  const at = parsePath(path);
  const [, form] = /^#(sign-in|register|keep)$/.exec(hash) ?? [];
  return form && at.page !== 'nowhere' ? { page: form as Form, next: path || '/' } : at;
}

function parsePath(path: string): Route {
  const [, kind, name] = /^\/(b|i)\/([^/]+)\/?$/.exec(path) ?? [];
  if (kind === 'b' && name) return { page: 'board', id: decode(name) };
  if (kind === 'i' && name) return { page: 'invite', token: decode(name) };
  if (path === '/debug/streams') return { page: 'debug' };
  return path === '/' || path === '' ? { page: 'home' } : { page: 'nowhere' };
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
