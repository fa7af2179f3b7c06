// The cookies of a request by their name (RFC 6265, 4.2.1).

/** A request is looked up by so many of one name: each may be a question to the database, or a signature to be checked. */
const MOST_VALUES = 4;

/**
 * A browser may send several cookies of one name (of other paths, of the domain above), in an order that nobody can rely
 * on: any of them may be the good one.
 *
 * @param header `Cookie`
 * @param pattern what is no such value does not count
 * @returns the values, each once, as they stand there without quotes; of many the first ones
 */
export function cookiesNamed(name: string, header: string | undefined, pattern: RegExp): string[] {
  const values = new Set<string>();
  for (const pair of (header ?? '').split(';')) {
    const at = pair.indexOf('=');
    if (at < 0 || pair.slice(0, at).trim() !== name) continue;
    const value = pair.slice(at + 1).trim();
    const bare = value.length > 1 && value.startsWith('"') && value.endsWith('"') ? value.slice(1, -1) : value;
    if (pattern.test(bare)) values.add(bare);
    if (values.size === MOST_VALUES) break;
  }
  return [...values];
}

/** @returns the header without those whose name is told so, as a browser writes it; undefined when nothing is left */
export function withoutCookies(header: string | undefined, isLeftOut: (name: string) => boolean): string | undefined {
  const pairs = (header ?? '').split(';').map((pair) => pair.trim());
  const kept = pairs.filter((pair) => pair !== '' && !isLeftOut(pair.split('=', 1)[0]?.trim() ?? ''));
  return kept.length === 0 ? undefined : kept.join('; ');
}
