// What opens the dialog that finds notes and commands, whose code comes then.

import { signal } from '@preact/signals-core';
import type { Finder, FinderOptions, Sought } from '../find/finder.ts';
import { onDemand } from './on-demand.ts';

export class Find {
  readonly #options: FinderOptions;
  readonly #finder = signal<Finder | undefined>(undefined);
  readonly #onKey = (event: KeyboardEvent) => {
    // Before anything of the board has the focus, too.
    if (event.target === document.body) this.onKey(event);
  };

  constructor(options: FinderOptions) {
    this.#options = options;
    document.addEventListener('keydown', this.#onKey);
  }

  /** @returns whether it was one of its keys */
  onKey(event: KeyboardEvent): boolean {
    const isCommand = event.ctrlKey || event.metaKey;
    const isPalette = isCommand && !event.shiftKey && event.key.toLowerCase() === 'k';
    if (!isPalette && (isCommand || event.key !== '/')) return false;
    event.preventDefault();
    this.open(isPalette ? 'all' : 'notes');
    return true;
  }

  open(sought: Sought): void {
    const load = () => import('../find/finder.ts');
    onDemand(this.#options.model, load, ({ Finder }) => {
      this.#finder.value ??= new Finder(this.#options);
      this.#finder.value.open(sought);
    });
  }

  render() {
    return this.#finder.value?.render();
  }

  close(): void {
    document.removeEventListener('keydown', this.#onKey);
  }
}
