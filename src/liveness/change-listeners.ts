// Who wants to hear of joins and leaves in this process.

import type { Logger } from '../logging/logger.ts';
import type { RegistryChange } from './stream-registry.ts';

type Listener = (change: RegistryChange) => void;

export class ChangeListeners {
  readonly #log: Logger;
  readonly #listeners = new Set<Listener>();

  constructor({ log }: { log: Logger }) {
    this.#log = log;
  }

  /** @returns what ends it; calling that twice does nothing */
  add(listener: Listener): () => void {
    // The same function may listen twice, and each must be ended by its own.
    const own: Listener = (change) => listener(change);
    this.#listeners.add(own);
    return () => this.#listeners.delete(own);
  }

  /** A listener that throws is logged and keeps nothing from the others. */
  emit(change: RegistryChange): void {
    for (const listener of [...this.#listeners]) {
      try {
        listener(change);
      } catch (error) {
        this.#log.warn({ err: error, action: change.action }, 'a listener for joins and leaves has thrown');
      }
    }
  }
}
