// An event of a stream, as a client gets it and as it came.

export interface Frame {
  event: string | undefined;
  id: string | undefined;
  data: string;
  /** The whole frame, as it came. */
  bytes: string;
}
