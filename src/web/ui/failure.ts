// What could not be done, where it was asked for.

import { html, type TemplateResult } from 'lit';
import type { App } from '../app.ts';

export const failureLine = (app: App): TemplateResult =>
  html`<p class="failure" role="alert" ?hidden=${app.failure.value === ''}>${app.failure.value}</p>`;
