// The board as a list: in its order, or in a column for each colour or label. It is also the view of who does not see the
// canvas.

import { type Signal, signal } from '@preact/signals-core';
import { html, nothing, type TemplateResult } from 'lit';
import { guard } from 'lit/directives/guard.js';
import { createRef, ref } from 'lit/directives/ref.js';
import { repeat } from 'lit/directives/repeat.js';
import type { Item } from '../../client/types.ts';
import type { Fields } from '../../client/writes/offered.ts';
import type { BoardModel } from '../model/board-model.ts';
import { colorOfUser } from '../model/palette.ts';
import type { Writers } from '../together/writers.ts';
import { markElement } from '../ui/mark.ts';
import { createTextField } from '../ui/text-field.ts';
import {
  type Column,
  type ColumnsBy,
  columnsByColor,
  columnsByLabel,
  labelled,
  labelOf,
  oneColumn,
} from './columns.ts';
import { columnsHead } from './columns-head.ts';
import { keepLabels, readLabels } from './kept-labels.ts';
import { ListDrag, type Target } from './list-drag.ts';
import { type RowActions, row, spokenName } from './list-row.ts';
import { byRank, ranksFor } from './order.ts';

export class ListView {
  readonly #model: BoardModel;
  readonly #writers: Writers;
  readonly #history: (id: string) => void;
  readonly #root = createRef<HTMLElement>();
  readonly #drag = new ListDrag(
    () => this.#root.value ?? null,
    (id, target) => this.#drop(id, target),
  );
  /** Undefined: by label where there is one. */
  readonly #by = signal<ColumnsBy | undefined>(undefined);
  /** In the order in which they were seen first, and while they are empty too. */
  readonly #labels: Signal<readonly string[]>;
  readonly #end: () => void;
  /** As they are shown. */
  #columns: readonly Column[] = [];
  #field: { id: string; field: HTMLTextAreaElement } | undefined;

  /** @param history shows what an item was */
  constructor(model: BoardModel, writers: Writers, history: (id: string) => void) {
    this.#model = model;
    this.#writers = writers;
    this.#history = history;
    const { board } = model;
    this.#labels = signal(readLabels(board.id, board.me.id));
    this.#end = model.board.onOthers((changes) => {
      if (model.past.value) return;
      // When they are shown.
      requestAnimationFrame(() => {
        for (const { id, actor } of changes) this.#mark(id, actor ? colorOfUser(actor.id) : 'CanvasText');
      });
    });
  }

  #setLabels(labels: ReadonlySet<string>): void {
    const { id, me } = this.#model.board;
    this.#labels.value = [...labels];
    keepLabels(id, me.id, this.#labels.value);
  }

  render(inColumns: boolean): TemplateResult {
    const sorted = this.#sorted();
    const labels = new Set([...this.#labels.peek(), ...sorted.map(labelOf)]);
    labels.delete('');
    if (labels.size > this.#labels.peek().length) this.#setLabels(labels);
    const options = html`<datalist id="labels">${[...labels].map((each) => html`<option value=${each}></option>`)}</datalist>`;
    if (!inColumns) {
      this.#columns = oneColumn(sorted);
      return html`<div class="list" ${ref(this.#root)}>${this.#columns.map((each) => this.#rows(each, 'Notes', true))}
        ${sorted.length === 0 ? html`<p class="quiet empty">No notes yet. Add the first one.</p>` : nothing}${options}</div>`;
    }
    const by = this.#by.value ?? (labels.size > 0 ? 'label' : 'color');
    this.#columns = by === 'color' ? columnsByColor(sorted) : columnsByLabel(sorted, this.#labels.value);
    const head = columnsHead({
      by,
      canWrite: this.#model.canWrite.value,
      onBy: (next) => {
        this.#by.value = next;
      },
      onColumn: (label) => {
        this.#setLabels(new Set([...this.#labels.value, label]));
      },
    });
    return html`<div class="list" ${ref(this.#root)}>${head}<div class="columns">${this.#columns.map(
      (each) => html`<section class="column" data-color=${by === 'color' ? each.name : nothing}>
        <h2>${each.title} <span class="quiet">${each.items.length}</span></h2>
        ${this.#rows(each, `${each.title} notes`, by === 'label')}
      </section>`,
    )}</div>${options}</div>`;
  }

  /** Adds an item, and goes there. */
  add(): void {
    const { items } = this.#model;
    const lowest = Math.max(0, ...[...items.value.values()].map(({ y }) => y + 170));
    this.#model.add({ x: 0, y: items.value.size === 0 ? 0 : lowest });
    void Promise.resolve().then(() => this.#field?.field.scrollIntoView({ block: 'nearest' }));
  }

  /** Brings an item into sight, and gives it the focus. */
  goTo(id: string): void {
    const element = this.#elementOf(id);
    element?.scrollIntoView({ block: 'center' });
    element?.focus({ preventScroll: true });
  }

  /** Brings an item into sight when it is drawn, and leaves the focus where it is. */
  show(id: string): void {
    requestAnimationFrame(() => this.#elementOf(id)?.scrollIntoView({ block: 'nearest' }));
  }

  close(): void {
    this.#end();
  }

  #sorted(): Item[] {
    return [...this.#model.items.value.values()].sort(byRank);
  }

  #rows({ name, items }: Column, label: string, hasLabel: boolean): TemplateResult {
    const { id: dragged, target } = this.#drag.dragging.value ?? {};
    const dropAt = target?.column === name ? target.index : undefined;
    const others = items.filter((item) => item.id !== dragged);
    const targetId = dropAt === undefined ? undefined : others[dropAt]?.id;
    const isAtEnd = dropAt !== undefined && dropAt >= others.length;
    const canWrite = this.#model.canWrite.value;
    const open = this.#model.editing.id.value;
    const writers = this.#writers.byNote.value;
    const selected = this.#model.selected.value;
    return html`<ol aria-label=${label} data-column=${name} class=${isAtEnd ? 'drop-end' : ''}>
      ${repeat(
        items,
        ({ id }) => id,
        (item, index) => {
          const { id } = item;
          const look = {
            item,
            isFirst: index === 0,
            isLast: index === items.length - 1,
            canWrite,
            isTarget: id === targetId,
            isDragged: id === dragged,
            isChosen: selected.has(id),
            field: id === open ? this.#fieldOf(id) : undefined,
            writers: writers.get(id),
            hasLabel,
          };
          // Of a thousand rows, one is another after a change.
          return guard(Object.values(look), () => row(look, this.#actions));
        },
      )}
    </ol>`;
  }

  readonly #actions: RowActions = {
    drag: (event, id) => this.#drag.start(event, id),
    open: (id) => this.#model.editing.start(id),
    move: (id, by) => this.#moveBy(id, by),
    recolor: (id, color) => this.#model.update(new Map([[id, { color }]])),
    label: (id, label) => this.#model.update(new Map([[id, labelled(label)]])),
    history: (id) => this.#history(id),
    remove: (id) => this.#model.remove([id]),
  };

  #fieldOf(id: string): HTMLTextAreaElement {
    if (this.#field?.id === id) return this.#field.field;
    const field = createTextField(this.#model.editing, () => this.#focus(id));
    this.#field = { id, field };
    void Promise.resolve().then(() => field.focus());
    return field;
  }

  #focus(id: string): void {
    this.#field = undefined;
    void Promise.resolve().then(() => this.#elementOf(id)?.querySelector<HTMLElement>('.text')?.focus());
  }

  #elementOf(id: string): HTMLElement | null {
    return this.#root.value?.querySelector(`[data-item-id="${CSS.escape(id)}"]`) ?? null;
  }

  #mark(id: string, color: string): void {
    const element = this.#root.value?.isConnected ? this.#elementOf(id) : null;
    if (element) markElement(element, color);
  }

  #moveBy(id: string, { down = 0, right = 0 }: { down?: number; right?: number }): void {
    const from = this.#columns.findIndex(({ items }) => items.some((item) => item.id === id));
    const column = this.#columns[from + right];
    const index = this.#columns[from]?.items.findIndex((item) => item.id === id) ?? -1;
    if (!column?.fields || index < 0) return;
    const last = right === 0 ? column.items.length - 1 : column.items.length;
    const to = right === 0 ? index + down : Math.min(index, last);
    if (to < 0 || to > last) return;
    this.#move(id, to, column, right !== 0);
  }

  /** The row goes to another place of the page, and what had the focus there would lose it. */
  #keepFocus(id: string): void {
    const focused = (this.#root.value?.getRootNode() as ShadowRoot | undefined)?.activeElement;
    const isRow = focused?.matches('li');
    const what = focused?.closest('li') ? focused.className : 'plain handle';
    requestAnimationFrame(() =>
      requestAnimationFrame(() => {
        const row = this.#elementOf(id);
        const kept = focused instanceof HTMLElement && row?.contains(focused) ? focused : null;
        (isRow ? row : (kept ?? row?.querySelector<HTMLElement>(`[class="${what}"]`)))?.focus();
      }),
    );
  }

  /** @param index among the others of the column */
  #move(id: string, index: number, column: Column, isOther: boolean): void {
    const all = this.#sorted();
    const item = all.find((each) => each.id === id);
    if (!item || !column.fields) return;
    this.#keepFocus(id);
    const others = all.filter((each) => each.id !== id);
    const beside = column.items.filter((each) => each.id !== id);
    const next = beside[index];
    const last = beside.at(-1);
    const behindLast = last ? others.indexOf(last) + 1 : others.length;
    const ranks = ranksFor(others, id, next ? others.indexOf(next) : behindLast);
    const more = isOther ? column.fields : {};
    this.#model.update(
      new Map([...ranks].map(([each, rank]): [string, Fields] => [each, each === id ? { rank, ...more } : { rank }])),
    );
    const where = column.title ? ` in ${column.title}` : '';
    this.#model.said.value = `${spokenName(item)}: now ${index + 1} of ${beside.length + 1}${where}.`;
  }

  #drop(id: string, { column: name, index }: Target): void {
    const column = this.#columns.find((each) => each.name === name);
    if (!column) return;
    const place = column.items.findIndex((item) => item.id === id);
    if (place !== index) this.#move(id, index, column, place < 0);
  }
}
