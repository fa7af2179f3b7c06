// Whoever ends what a helper has started: a test of tap, or the soak.

export interface Teardown {
  /** What is handed over is called when the work is over, the last first. */
  teardown(end: () => unknown): void;
}
