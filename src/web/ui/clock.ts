// What leads to the past.

import { html, type TemplateResult } from 'lit';

export const clock: TemplateResult = html`<svg class="clock" viewBox="0 0 24 24" aria-hidden="true">
  <path d="M4.5 5v4.5H9M4.8 9.3A8 8 0 1 1 4 12M12 7.5V12l3 2"></path>
</svg>`;
