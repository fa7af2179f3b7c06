// One item of a list: its handle, its text or the field for it, and what can be done with it.

import { html, nothing, type TemplateResult } from 'lit';
import { keyed } from 'lit/directives/keyed.js';
import type { Item } from '../../client/types.ts';
import { type Color, colors, nameOf } from '../model/palette.ts';
import { clock } from '../ui/clock.ts';
import { labelOf, MOST_LETTERS } from './columns.ts';

export interface RowLook {
  item: Item;
  isFirst: boolean;
  isLast: boolean;
  canWrite: boolean;
  /** What is dragged would come before it. */
  isTarget: boolean;
  isDragged: boolean;
  isChosen: boolean;
  /** The field, while the user writes in it. */
  field: HTMLTextAreaElement | undefined;
  /** Who else is writing it. */
  writers: string | undefined;
  hasLabel: boolean;
}

export interface RowActions {
  drag(event: PointerEvent, id: string): void;
  open(id: string): void;
  /** @param by how many places it goes down, and how many columns to the right */
  move(id: string, by: { down?: number; right?: number }): void;
  recolor(id: string, color: Color): void;
  label(id: string, label: string): void;
  /** Shows what it was. */
  history(id: string): void;
  remove(id: string): void;
}

/** The first line, as it is said. */
export const spokenName = ({ text }: Item): string => text.trim().split('\n')[0]?.slice(0, 40) || 'empty note';

const steps: Record<string, { down?: number; right?: number }> = {
  ArrowUp: { down: -1 },
  ArrowDown: { down: 1 },
  ArrowLeft: { right: -1 },
  ArrowRight: { right: 1 },
};

export function row(look: RowLook, actions: RowActions): TemplateResult {
  const { item, canWrite, isTarget, isDragged, isChosen, field, writers } = look;
  const { id, text, color } = item;
  const name = spokenName(item);
  const classes = ['item', isTarget ? 'drop' : '', isDragged ? 'dragged' : '', isChosen ? 'chosen' : ''].join(' ');
  const onKey = (event: KeyboardEvent) => {
    const step = steps[event.key];
    if (!event.altKey || !canWrite || !step) return;
    event.preventDefault();
    actions.move(id, step);
  };
  return html`<li class=${classes} tabindex="-1" data-item-id=${id} data-color=${color} @keydown=${onKey}>
    ${canWrite ? html`<button type="button" class="plain handle" aria-label=${`Move ${name}`} aria-description="Alt and arrow keys move it" @pointerdown=${(event: PointerEvent) => actions.drag(event, id)}>⠿</button>` : nothing}
    ${field ?? html`<button type="button" class="plain text" ?disabled=${!canWrite} @click=${() => actions.open(id)}>${text || 'Empty note'}</button>`}
    ${writers ? html`<span class="writers">${writers}</span>` : nothing}
    ${canWrite && !field ? tools(look, name, actions) : nothing}
  </li>`;
}

function tools({ item, isFirst, isLast, hasLabel }: RowLook, name: string, actions: RowActions): TemplateResult {
  const { id, color } = item;
  const recolor = (event: Event) => actions.recolor(id, (event.currentTarget as HTMLSelectElement).value as Color);
  const label = (event: Event) => actions.label(id, (event.currentTarget as HTMLInputElement).value);
  return html`<span class="item-tools">
    ${
      hasLabel
        ? keyed(
            labelOf(item),
            html`<input class="label" aria-label=${`Label of ${name}`} placeholder="Label" list="labels" maxlength=${MOST_LETTERS} .value=${labelOf(item)} @change=${label}>`,
          )
        : nothing
    }
    <button type="button" class="plain" aria-label=${`Move ${name} up`} ?disabled=${isFirst} @click=${() => actions.move(id, { down: -1 })}>↑</button>
    <button type="button" class="plain" aria-label=${`Move ${name} down`} ?disabled=${isLast} @click=${() => actions.move(id, { down: 1 })}>↓</button>
    ${keyed(
      color,
      html`<select aria-label=${`Colour of ${name}`} @change=${recolor}>
        ${colors.map((each) => html`<option value=${each} ?selected=${each === color}>${nameOf(each)}</option>`)}
      </select>`,
    )}
    <button type="button" class="plain" aria-label=${`History of ${name}`} title="History (H)" @click=${() => actions.history(id)}>${clock}</button>
    <button type="button" class="plain" aria-label=${`Delete ${name}`} @click=${() => actions.remove(id)}>✕</button>
  </span>`;
}
