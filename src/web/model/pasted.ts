// What becomes of a text that is pasted.

/** A list becomes a note for each line, without what marks its lines. */
export function notesOf(text: string): string[] {
  return text
    .split(/\r?\n/)
    .map((line) => line.replace(/^\s*(?:[-*+•]|\d{1,3}[.)])\s+(?:\[[ x]\]\s+)?/i, '').trim())
    .filter((line) => line !== '');
}
