// What leads to the past of the board, whose code comes when somebody wants to see it.

import { effect, signal } from '@preact/signals-core';
import { html, nothing, type TemplateResult } from 'lit';
import type { PastOptions, PastParts } from '../past/past-parts.ts';
import { followVisits, type Visits } from '../state/visits.ts';

export class LookBack {
  readonly #options: PastOptions;
  readonly #parts = signal<PastParts | undefined>(undefined);
  readonly #failure = signal('');
  readonly #visits: Visits;
  readonly #end: () => void;
  #isClosed = false;

  constructor(options: PastOptions) {
    this.#options = options;
    this.#visits = followVisits(options.model.board);
    this.#end = effect(() => {
      const visit = this.#visits.missed.value;
      if (visit) void this.#do((parts) => parts.tellOfAbsence(visit));
    });
  }

  openActivity(): void {
    void this.#do((parts) => parts.openActivity());
  }

  /** @param id of a note; undefined: the one that is chosen, when it is one */
  openHistory(id: string | undefined): void {
    const [chosen, ...more] = this.#options.model.selected.value;
    const meant = id ?? (more.length === 0 ? chosen : undefined);
    if (meant !== undefined) void this.#do((parts) => parts.openHistory(meant));
  }

  /** @returns whether the past was shown, which is over */
  back(): boolean {
    return this.#parts.peek()?.back() ?? false;
  }

  close(): void {
    this.#isClosed = true;
    this.#end();
    this.#visits.close();
    this.#parts.peek()?.close();
  }

  /** The stage, with what is round it. @param stage shows the notes, in whichever view */
  render(stage: TemplateResult): TemplateResult {
    const parts = this.#parts.value;
    const failure = this.#failure.value;
    return html`<div class="middle">
      ${failure ? html`<p class="failure" role="alert">${failure}</p>` : nothing}
      ${parts?.notice}
      <div class="beside">${stage}${parts?.panel}</div>
      ${parts?.bar}
    </div>`;
  }

  async #do(what: (parts: PastParts) => void): Promise<void> {
    this.#failure.value = '';
    try {
      const { PastParts } = await import('../past/past-parts.ts');
      if (this.#isClosed) return;
      this.#parts.value ??= new PastParts(this.#options);
    } catch {
      this.#failure.value = 'This could not be loaded. Look at the connection, or load the page again.';
    }
    const parts = this.#parts.value;
    if (parts) what(parts);
  }
}
