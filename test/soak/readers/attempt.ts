// What a request says of where a reader is on a board.

/** A cursor that the reader makes up, and the reason that it expects to hear; without one, any of them. */
export interface Lie {
  cursor: string;
  reason?: 'malformed' | 'epoch' | 'ahead';
}

export interface Attempt {
  /** What the request named as its last event. */
  cursor: string | undefined;
  lie?: Lie | undefined;
  /** The cursor may not know the place: it was given while a reset was due, or while the history changed. */
  isLost?: boolean;
  /** It is reset, whether it names a cursor or not. */
  isReset?: boolean;
  /** The cursor is one of many boards. */
  isOfMany?: boolean;
  wantsSnapshot: boolean;
}
