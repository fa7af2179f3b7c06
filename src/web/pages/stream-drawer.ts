// For developers: the frames of this very board as they come, and how to have them without this page.

import { signal } from '@preact/signals-core';
import { html, type TemplateResult } from 'lit';
import { repeat } from 'lit/directives/repeat.js';
import type { App } from '../app.ts';
import { openRawStream, type RawStream } from '../state/raw-stream.ts';

export class StreamDrawer {
  readonly #app: App;
  readonly #url: string;
  readonly #stream = signal<RawStream | undefined>(undefined);

  constructor(app: App, boardId: string) {
    this.#app = app;
    this.#url = `${app.service.url}/boards/${boardId}/events`;
  }

  get isOpen(): boolean {
    return this.#stream.value !== undefined;
  }

  toggle(): void {
    if (this.isOpen) this.close();
    else this.#open();
  }

  close(): void {
    this.#stream.peek()?.close();
    this.#stream.value = undefined;
  }

  #open(): void {
    this.#stream.peek()?.close();
    this.#stream.value = openRawStream(this.#url);
  }

  render(): TemplateResult | '' {
    const stream = this.#stream.value;
    if (!stream) return '';
    const time = new Intl.DateTimeFormat(undefined, { timeStyle: 'medium' });
    const frames = [...stream.frames.value].reverse();
    return html`<aside class="drawer" aria-labelledby="stream">
      <div class="row"><h2 id="stream">The stream</h2><button type="button" class="plain" @click=${() => this.close()}>Close</button></div>
      <h3>With curl</h3>
      <pre tabindex="0" aria-label="With curl">${this.#curl()}</pre>
      <p class="quiet">A token is made by <code>POST /tokens</code>: see <a href=${this.#app.router.href('/docs')}>/docs</a>. All your streams, and what stands in between: <a href=${this.#app.router.href('/debug/streams')} data-route>/debug/streams</a>.</p>
      <h3>In a page of this server</h3>
      <pre tabindex="0" aria-label="In a page">${this.#snippet()}</pre>
      <h3>As it comes: ${frames.at(0)?.number ?? 0} frames, ${stream.bytes.value} bytes</h3>
      ${stream.end.value ? html`<p class="row"><span>${stream.end.value}</span><button type="button" @click=${() => this.#open()}>Open it again</button></p>` : ''}
      <ol class="frames" tabindex="0" aria-label="Frames, the newest first">
        ${repeat(
          frames,
          ({ number }) => number,
          ({ at, text }) => html`<li><time class="quiet">${time.format(at)}</time><pre>${text}</pre></li>`,
        )}
      </ol>
    </aside>`;
  }

  #curl(): string {
    return `curl -N -H "Authorization: Bearer $TOKEN" \\\n  ${this.#url}`;
  }

  #snippet(): string {
    return [
      `const stream = new EventSource('${this.#url}');`,
      `stream.addEventListener('changed', ({ data }) => {`,
      '  console.log(JSON.parse(data));',
      '});',
    ].join('\n');
  }
}
