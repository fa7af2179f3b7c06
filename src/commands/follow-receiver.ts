// Who is told what happens on a board.

export interface Receiver {
  /** @param json a board event, one line */
  onEvent(json: string): Promise<void>;
  /** For people: a cut, or a gap. */
  onNote(text: string): void;
}

/** Between two attempts to come back. */
export const RETRY_MS = 1000;
