// The order of the columns by label, as somebody has seen them in this browser. A board has a name and a layout alone, and each
// person sorts as he or she likes: so it is nothing that the server is told.

/** More than there are columns. */
const MOST_LABELS = 100;

const keyOf = (boardId: string, userId: string) => `teamboard labels ${boardId} ${userId}`;

export function keepLabels(boardId: string, userId: string, labels: readonly string[]): void {
  try {
    localStorage.setItem(keyOf(boardId, userId), JSON.stringify(labels.slice(0, MOST_LABELS)));
  } catch {
    // The browser keeps nothing for this page, or has no room: the order lasts as long as the page.
  }
}

/** @returns none when nothing was kept */
export function readLabels(boardId: string, userId: string): string[] {
  try {
    const kept = JSON.parse(localStorage.getItem(keyOf(boardId, userId)) ?? '[]') as unknown;
    return Array.isArray(kept) ? kept.filter((label) => typeof label === 'string') : [];
  } catch {
    return [];
  }
}
