// The tools of the board: what can be done with notes, and how they are shown.

import { html, nothing, type TemplateResult } from 'lit';
import type { BoardModel } from '../model/board-model.ts';
import { colors, nameOf } from '../model/palette.ts';
import { clock } from '../ui/clock.ts';

export type ViewName = 'canvas' | 'list' | 'columns';

export interface ToolsOptions {
  view: ViewName;
  /** Of the canvas. */
  percent: number;
  onView(view: ViewName): void;
  onAdd(): void;
  onZoom(factor: number): void;
  onFit(): void;
  onFind(): void;
  onActivity(): void;
  onHistory(): void;
  onHelp(): void;
}

const views: Array<[ViewName, string]> = [
  ['canvas', 'Canvas'],
  ['list', 'List'],
  ['columns', 'Columns'],
];
const ZOOM = 1.25;

export function tools(model: BoardModel, options: ToolsOptions): TemplateResult {
  const { view, percent, onView, onAdd, onZoom, onFit, onFind, onActivity, onHistory, onHelp } = options;
  const { undo, redo } = model.board.undoable.value;
  const chosen = model.selected.value.size;
  return html`<div class="tools" role="toolbar" aria-label="Board tools">
    ${
      model.canWrite.value
        ? html`<button type="button" class="primary" @click=${onAdd}>Add note</button>
      <div class="swatches" role="group" aria-label="Colour">${colors.map((color, index) => swatch(model, color, index))}</div>
      <button type="button" class="plain icon" aria-label="Undo" title="Undo (Ctrl+Z)" ?disabled=${!undo} @click=${() => model.undo()}>↶</button>
      <button type="button" class="plain icon" aria-label="Redo" title="Redo (Ctrl+Shift+Z)" ?disabled=${!redo} @click=${() => model.redo()}>↷</button>
      ${
        chosen > 0 && view === 'canvas'
          ? html`<div class="of-chosen" role="group" aria-label="What is chosen">
        <button type="button" class="plain danger" @click=${() => model.remove()}>Delete${chosen > 1 ? ` ${chosen}` : ''}</button>
        ${chosen === 1 ? html`<button type="button" class="plain" title="What this note was (H)" @click=${onHistory}>History</button>` : nothing}
      </div>`
          : nothing
      }`
        : html`<span class="quiet only">${model.past.value ? 'The past cannot be changed.' : 'You may look, not change.'}</span>`
    }
    <span class="space"></span>
    <div class="views" role="group" aria-label="View">
      ${views.map(([name, label]) => html`<button type="button" class="plain" aria-pressed=${view === name} @click=${() => onView(name)}>${label}</button>`)}
    </div>
    ${
      view === 'canvas'
        ? html`<div class="zoom" role="group" aria-label="Zoom">
      <button type="button" class="plain icon" aria-label="Zoom out" @click=${() => onZoom(1 / ZOOM)}>−</button>
      <button type="button" class="plain percent" title="Fit all notes (0)" aria-label=${`Fit all notes, zoom is ${percent} %`} @click=${onFit}>${percent}%</button>
      <button type="button" class="plain icon" aria-label="Zoom in" @click=${() => onZoom(ZOOM)}>+</button>
    </div>`
        : nothing
    }
    <button type="button" class="plain icon find" data-find aria-label="Find" title="Find (Ctrl+K)" @click=${onFind}>⌕</button>
    <button type="button" class="plain icon activity" aria-label="Activity" title="Activity (A)" @click=${onActivity}>${clock}</button>
    <button type="button" class="plain icon help" aria-label="Keys" title="Keys (?)" @click=${onHelp}>?</button>
  </div>`;
}

function swatch(model: BoardModel, color: (typeof colors)[number], index: number): TemplateResult {
  const label = nameOf(color);
  const isChosen = model.color.value === color;
  return html`<button type="button" class="swatch" data-color=${color} aria-label=${label} title=${`${label} (${index + 1})`}
    aria-pressed=${isChosen} @click=${() => model.recolor(color)}></button>`;
}
