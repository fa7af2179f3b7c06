// Above the columns: what they are for, and one more.

import { html, nothing, type TemplateResult } from 'lit';
import { type ColumnsBy, MOST_LETTERS } from './columns.ts';

export interface ColumnsHeadOptions {
  by: ColumnsBy;
  canWrite: boolean;
  onBy(by: ColumnsBy): void;
  /** Wants a column for that label. */
  onColumn(label: string): void;
}

export function columnsHead({ by, canWrite, onBy, onColumn }: ColumnsHeadOptions): TemplateResult {
  const onSubmit = (event: SubmitEvent) => {
    event.preventDefault();
    const field = (event.currentTarget as HTMLFormElement).querySelector('input');
    const label = field?.value.trim() ?? '';
    if (!field || label === '') return;
    field.value = '';
    onColumn(label);
  };
  const choice = (name: ColumnsBy, label: string) =>
    html`<button type="button" class="plain" aria-pressed=${by === name} @click=${() => onBy(name)}>${label}</button>`;
  return html`<div class="columns-head">
    <div class="views" role="group" aria-label="Columns by">${choice('color', 'By colour')}${choice('label', 'By label')}</div>
    ${
      by === 'label' && canWrite
        ? html`<form class="new-column" @submit=${onSubmit}>
        <input aria-label="Label of a new column" placeholder="New column" maxlength=${MOST_LETTERS}>
        <button>Add column</button></form>`
        : nothing
    }
  </div>`;
}
