// Parts of a page whose code comes when somebody asks for them.

import { signal } from '@preact/signals-core';
import type { TemplateResult } from 'lit';
import type { App } from '../app.ts';

export interface Part {
  open(): void;
  render(): TemplateResult | '';
}

export class Later {
  readonly #app: App;
  readonly #load: () => Promise<Part>;
  readonly #part = signal<Part | undefined>(undefined);

  constructor(app: App, load: () => Promise<Part>) {
    this.#app = app;
    this.#load = load;
  }

  open(): void {
    void this.#app.run(async () => {
      this.#part.value ??= await this.#load();
      this.#part.value.open();
    });
  }

  render(): TemplateResult | '' {
    return this.#part.value?.render() ?? '';
  }
}
