// The frames of a stream as they come, with their bytes, and what happened to the connection between them.

import { html, type TemplateResult } from 'lit';
import { repeat } from 'lit/directives/repeat.js';
import type { FollowedStream } from './followed-stream.ts';

const time = new Intl.DateTimeFormat(undefined, { timeStyle: 'medium' });

export function frameList({ entries, totals, streamId }: FollowedStream): TemplateResult {
  const { frames, bytes } = totals.value;
  return html`<p><span role="status">${streamId.value === undefined ? 'Not connected' : 'Open'}</span>: ${frames} frames, ${bytes} bytes</p>
    <ol class="frames" tabindex="0" aria-label="Frames, the newest first">
      ${repeat(
        [...entries.value].reverse(),
        ({ number }) => number,
        (entry) =>
          entry.bytes === undefined
            ? html`<li class="happened"><time class="quiet">${time.format(entry.at)}</time> ${entry.text}</li>`
            : html`<li><span class="quiet"><time>${time.format(entry.at)}</time>, ${entry.bytes} bytes</span><pre>${entry.text}</pre></li>`,
      )}
    </ol>`;
}
