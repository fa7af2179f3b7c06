// Texts as lines, where no browser breaks them.

/** The highest that a note gets, and one of its lines. */
export const MOST_HEIGHT = 420;
export const LINE_HEIGHT = 22;

/**
 * @param measure how wide a text is
 * @returns its lines, of which none is wider; words that are wider are broken. No more of them than a note shows
 */
export function wrap(text: string, width: number, measure: (text: string) => number): string[] {
  const most = Math.ceil(MOST_HEIGHT / LINE_HEIGHT);
  const lines: string[] = [];
  for (const paragraph of text.split('\n')) {
    let line = '';
    for (const word of paragraph.split(/(?<=\s)/)) {
      if (measure((line + word).trimEnd()) <= width) {
        line += word;
        continue;
      }
      if (line !== '') lines.push(line.trimEnd());
      line = '';
      for (const character of word) {
        if (line !== '' && measure(line + character) > width) {
          lines.push(line);
          line = '';
        }
        line += character;
        if (lines.length >= most) return lines;
      }
    }
    lines.push(line.trimEnd());
    if (lines.length >= most) return lines;
  }
  return lines;
}
