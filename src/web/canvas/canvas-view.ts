// The canvas: a view of an endless surface with notes on it, and the pointers of the others above.

import { computed, effect } from '@preact/signals-core';
import type { BoardModel } from '../model/board-model.ts';
import { colorOfUser } from '../model/palette.ts';
import { type Box, holds, NOTE, overlaps, type Point } from '../model/place.ts';
import type { Following } from '../together/following.ts';
import type { Writers } from '../together/writers.ts';
import { createTextField } from '../ui/text-field.ts';
import { boundsOf, type Camera, moreBeside, READABLE_ZOOM, toSurface } from './camera.ts';
import { ChoiceFrame } from './choice-frame.ts';
import { CursorLayer } from './cursor-layer.ts';
import { wayIntoSight } from './into-sight.ts';
import { onCanvasKey } from './keys.ts';
import { Minimap } from './minimap.ts';
import { NoteDrag } from './note-drag.ts';
import { NoteLayer } from './note-layer.ts';
import { Pointers } from './pointers.ts';
import { Sight } from './sight.ts';
import { placeSurface } from './surface.ts';

/** So often it is looked whether somebody who points no more is to go. */
const LOOK_MS = 1000;

export class CanvasView {
  readonly view = document.createElement('div');
  readonly #sight: Sight;
  readonly #frame = new ChoiceFrame();
  readonly #notes = new NoteLayer();
  readonly #cursors = new CursorLayer();
  readonly #minimap: Minimap;
  readonly #following: Following;
  readonly #drag: NoteDrag;
  readonly #model: BoardModel;
  readonly #writers: Writers;
  readonly #ends: Array<() => void>;
  #field: { id: string; field: HTMLTextAreaElement } | undefined;
  #nextFrame = 0;
  #looking: ReturnType<typeof setTimeout> | undefined;
  readonly #bounds = computed(() => boundsOf(this.#model.items.value.values()));

  constructor(model: BoardModel, writers: Writers, following: Following) {
    this.#model = model;
    this.#writers = writers;
    this.#following = following;
    this.#sight = new Sight(following);
    this.#drag = new NoteDrag(model);
    this.#minimap = new Minimap(
      (middle) => this.#sight.goTo(middle),
      () => this.#drawSoon(),
    );
    this.view.className = 'canvas';
    this.view.tabIndex = 0;
    this.view.setAttribute('role', 'group');
    this.view.ariaLabel = 'Canvas. Tab goes to the notes, arrow keys move, N adds a note.';
    this.view.append(this.#notes.root, this.#frame.root, this.#cursors.root, this.#minimap.root);
    new Pointers(this, model, this.#drag);
    this.view.addEventListener('keydown', (event) => {
      if (onCanvasKey(event, model, this)) event.preventDefault();
    });
    // A note that has come out of sight and gets the focus would scroll the view, which has no scroll bars.
    this.view.addEventListener('focusin', (event) => this.#bringIntoSight(event));
    const observer = new ResizeObserver(([entry]) => {
      const { width = 0, height = 0 } = entry?.contentRect ?? {};
      this.#sight.size.value = { width, height };
      this.#cursors.resize(width, height);
    });
    observer.observe(this.view);
    this.#ends = [
      () => observer.disconnect(),
      effect(() => this.#follow()),
      model.board.onOthers((changes) => {
        if (model.past.value) return;
        const others = changes.filter(({ resource }) => resource === 'item');
        for (const { id, actor } of others) this.#notes.mark(id, actor ? colorOfUser(actor.id) : undefined);
      }),
      model.board.onBroadcast(({ name }) => {
        if (name === 'cursor') this.#drawSoon();
      }),
    ];
  }

  get camera(): Camera {
    return this.#sight.camera;
  }

  set camera(camera: Camera) {
    this.#sight.camera = camera;
  }

  /** In whole per cent. */
  get percent(): number {
    return this.#sight.percent.value;
  }

  /** A place that is in sight, for what comes from elsewhere. */
  get corner(): Point {
    return toSurface(this.camera, { x: 80, y: 80 });
  }

  focus(): void {
    this.view.focus({ preventScroll: true });
  }

  addInMiddle(): void {
    const { x, y } = this.#sight.middle;
    this.#model.add({ x: x - NOTE.width / 2, y: y - 70 });
  }

  pan(by: Point): void {
    this.#sight.pan(by);
  }

  zoom(factor: number): void {
    this.#sight.zoom(factor);
  }

  fit(): void {
    this.#sight.fit(this.#model.items.value.values());
  }

  /** Brings a note into the middle, and chooses it. */
  goTo(id: string): void {
    const item = this.#model.items.value.get(id);
    if (!item) return;
    const middle = { x: item.x + NOTE.width / 2, y: item.y + NOTE.height / 2 };
    this.#sight.goTo(middle, Math.max(this.camera.zoom, READABLE_ZOOM));
    this.#model.select([id]);
    // It has an element when it is drawn there.
    requestAnimationFrame(() => requestAnimationFrame(() => this.#notes.focus(id)));
  }

  /** Brings a note into sight, where it is not, and leaves the focus where it is. */
  show(id: string): void {
    const item = this.#model.items.value.get(id);
    if (item && !holds(this.#sight.box, { x: item.x, y: item.y, ...NOTE })) this.#sight.goTo(item);
  }

  setFrame(box: Box | undefined): void {
    this.#frame.show(box, this.camera);
  }

  selectIn(box: Box): void {
    const within = this.#notes.boxes().filter(([, note]) => overlaps(box, note));
    this.#model.select(within.map(([id]) => id));
  }

  close(): void {
    for (const end of this.#ends) end();
    this.#minimap.close();
    clearTimeout(this.#looking);
    cancelAnimationFrame(this.#nextFrame);
  }

  /** Reads all that is shown, so that it is called again when some of it changes. */
  #follow(): void {
    void [this.#sight.camera, this.#sight.size.value, this.#drag.places.value, this.#writers.byNote.value];
    void [this.#model.items.value, this.#model.selected.value, this.#model.editing.id.value];
    void this.#following.sight.value;
    this.#drawSoon();
  }

  /** Once for each frame, whatever has become another until then. */
  #drawSoon(): void {
    this.#nextFrame ||= requestAnimationFrame(() => {
      this.#nextFrame = 0;
      if (this.view.isConnected) this.#draw();
    });
  }

  #draw(): void {
    const { items, selected, editing } = this.#model;
    if (this.#model.board.state.value.board) this.#sight.begin(items.value.values());
    this.#sight.goAlong();
    const { camera, box: sight } = this.#sight;
    this.view.dataset.more = moreBeside(sight, this.#bounds.value);
    placeSurface(this.view, this.#notes.root, camera);
    this.#notes.show({
      items: items.value,
      selected: selected.value,
      dragged: this.#drag.places.value,
      editing: this.#fieldOf(editing.id.value),
      writers: this.#writers.byNote.value,
      sight,
    });
    const now = Date.now();
    // Where somebody points now is nowhere in the past.
    const pointers = this.#model.past.value ? [] : this.#model.board.pointers.at(now);
    this.#cursors.draw(camera, pointers, this.#model.board.me.id);
    this.#minimap.draw({ items: items.value, sight, pointers });
    this.#following.show(sight.width > 0 ? sight : undefined);
    if (this.#model.board.pointers.isMoving(now)) this.#drawSoon();
    else if (pointers.length > 0) {
      clearTimeout(this.#looking);
      this.#looking = setTimeout(() => this.#drawSoon(), LOOK_MS);
    }
  }

  #fieldOf(id: string | undefined) {
    if (id === undefined) this.#field = undefined;
    else if (this.#field?.id !== id) {
      const field = createTextField(this.#model.editing, () => this.#notes.focus(id));
      this.#field = { id, field };
    }
    return this.#field;
  }

  #bringIntoSight({ target }: FocusEvent): void {
    // The browser scrolls to what has the focus, where nothing is to be scrolled.
    this.view.scrollTo(0, 0);
    const by = wayIntoSight(this.view, target as Element);
    if (by) this.pan(by);
  }
}
