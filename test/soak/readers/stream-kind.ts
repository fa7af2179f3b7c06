// The two ways to follow a board.

/** `one`: `GET /boards/:id/events`; `many`: `GET /events?boards=…`. */
export const streamKinds = ['one', 'many'] as const;
export type StreamKind = (typeof streamKinds)[number];
