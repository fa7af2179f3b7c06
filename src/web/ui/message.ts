// A page that says one thing.

import { html, nothing, type TemplateResult } from 'lit';
import type { App } from '../app.ts';
import { top } from './top.ts';

export function message(
  app: App,
  title: string,
  text: string,
  action: TemplateResult | typeof nothing = nothing,
): TemplateResult {
  return html`<div class="page">
    ${top(app)}
    <main class="card account">
      <h1>${title}</h1>
      <p>${text}</p>
      <p class="row">${action}<a href=${app.router.href('/')} data-route>To the start</a></p>
    </main>
  </div>`;
}
