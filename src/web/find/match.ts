// Which texts somebody means by a few letters.

/** Without what marks letters, so that `cafe` finds `Café`. */
const plain = (text: string): string => text.normalize('NFD').replaceAll(/\p{M}/gu, '').toLowerCase();

/** @returns those that have all words of the query in them, with those first that begin with it, else in their order */
export function matching<Entry>(entries: readonly Entry[], query: string, textOf: (entry: Entry) => string): Entry[] {
  const wanted = plain(query).trim();
  const words = wanted.split(/\s+/);
  const found = entries.flatMap((entry) => {
    const text = plain(textOf(entry));
    return words.every((word) => text.includes(word)) ? { entry, isFirst: text.startsWith(wanted) } : [];
  });
  return [...found.filter(({ isFirst }) => isFirst), ...found.filter(({ isFirst }) => !isFirst)].map(
    ({ entry }) => entry,
  );
}

/** @returns the line of a text in which it is found, for people */
export function lineWith(text: string, query: string): string {
  const [word = ''] = plain(query).trim().split(/\s+/);
  const lines = text.split('\n').filter((line) => line.trim() !== '');
  return (lines.find((line) => plain(line).includes(word)) ?? lines[0] ?? '').trim().slice(0, 120);
}
