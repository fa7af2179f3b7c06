// What fingers, pens and the mouse do on the canvas: choosing and dragging notes, moving the surface, pinching.

import type { BoardModel } from '../model/board-model.ts';
import type { Box, Point } from '../model/place.ts';
import { type Camera, pan, toSurface, zoomTo } from './camera.ts';
import type { NoteDrag } from './note-drag.ts';

export interface Stage {
  readonly view: HTMLElement;
  camera: Camera;
  /** The frame that chooses what is in it; undefined: there is none. */
  setFrame(box: Box | undefined): void;
  /** Chooses what is in the box. */
  selectIn(box: Box): void;
}

/** So far a hand shakes. */
const STILL_PX = 4;
const MIDDLE = 1;

type Gesture =
  | { kind: 'note'; id: string; from: Point; isMoved: boolean; wasSelected: boolean }
  | { kind: 'pan'; last: Point; from: Point; isMoved: boolean }
  | { kind: 'frame'; from: Point }
  | { kind: 'pinch' };

/** Listens on the view. */
export class Pointers {
  readonly #stage: Stage;
  readonly #model: BoardModel;
  readonly #drag: NoteDrag;
  /** Of the pointers that are down, in the view. */
  readonly #down = new Map<number, Point>();
  #gesture: Gesture | undefined;

  constructor(stage: Stage, model: BoardModel, drag: NoteDrag) {
    this.#stage = stage;
    this.#model = model;
    this.#drag = drag;
    const { view } = stage;
    view.addEventListener('pointerdown', (event) => this.#onDown(event));
    view.addEventListener('pointermove', (event) => this.#onMove(event));
    view.addEventListener('pointerup', (event) => this.#onUp(event));
    view.addEventListener('pointercancel', (event) => this.#onUp(event));
    view.addEventListener('wheel', (event) => this.#onWheel(event), { passive: false });
    view.addEventListener('dblclick', (event) => this.#onDoubleClick(event));
  }

  #onDown(event: PointerEvent): void {
    if (isField(event) || (event.button !== 0 && event.button !== MIDDLE)) return;
    const at = this.#at(event);
    this.#down.set(event.pointerId, at);
    if (this.#down.size > 1) {
      this.#drag.cancel();
      this.#gesture = { kind: 'pinch' };
      return;
    }
    this.#model.editing.end();
    const id = event.button === MIDDLE ? undefined : noteOf(event);
    if (id !== undefined) {
      const wasSelected = this.#model.selected.value.has(id);
      const adds = event.shiftKey || event.ctrlKey || event.metaKey;
      if (adds) this.#model.toggle(id);
      else if (!wasSelected) this.#model.select([id]);
      this.#gesture = { kind: 'note', id, from: at, isMoved: false, wasSelected };
    } else if (event.shiftKey) {
      this.#gesture = { kind: 'frame', from: at };
    } else this.#gesture = { kind: 'pan', last: at, from: at, isMoved: false };
  }

  #onMove(event: PointerEvent): void {
    const at = this.#at(event);
    const { board, past } = this.#model;
    const place = { ...rounded(toSurface(this.#stage.camera, at)), window: board.window };
    // What somebody points at in the past is not where it was for the others.
    if (!past.value) board.send('cursor', place);
    const before = this.#down.get(event.pointerId);
    const gesture = this.#gesture;
    if (!before || !gesture) return;
    this.#down.set(event.pointerId, at);
    if (gesture.kind === 'pinch') this.#pinch(event.pointerId, before, at);
    else if (gesture.kind === 'frame') this.#stage.setFrame(this.#boxOf(gesture.from, at));
    else {
      gesture.isMoved ||= Math.hypot(at.x - gesture.from.x, at.y - gesture.from.y) > STILL_PX;
      if (!gesture.isMoved) return;
      this.#stage.view.setPointerCapture(event.pointerId);
      if (gesture.kind === 'note') this.#dragTo(gesture, at);
      else {
        this.#stage.camera = pan(this.#stage.camera, { x: gesture.last.x - at.x, y: gesture.last.y - at.y });
        gesture.last = at;
      }
    }
  }

  #onUp(event: PointerEvent): void {
    if (!this.#down.delete(event.pointerId)) return;
    const gesture = this.#gesture;
    this.#gesture = undefined;
    if (gesture?.kind === 'note') {
      if (gesture.isMoved) this.#drag.end();
      else if (gesture.wasSelected && !event.shiftKey && !event.ctrlKey && !event.metaKey) {
        this.#model.select([gesture.id]);
      }
    } else if (gesture?.kind === 'pan' && !gesture.isMoved) this.#model.select([]);
    else if (gesture?.kind === 'frame') {
      this.#stage.selectIn(this.#boxOf(gesture.from, this.#at(event)));
      this.#stage.setFrame(undefined);
    } else if (gesture?.kind === 'pinch') {
      // The finger that is left goes on by moving the surface; of three, the other two go on.
      const [at] = this.#down.values();
      if (this.#down.size > 1) this.#gesture = gesture;
      else if (at) this.#gesture = { kind: 'pan', last: at, from: at, isMoved: true };
    }
  }

  #onWheel(event: WheelEvent): void {
    if (isField(event) && !event.ctrlKey) return;
    event.preventDefault();
    const { camera } = this.#stage;
    // A trackpad that is pinched says that the control key is down.
    if (event.ctrlKey || event.metaKey) {
      const by = Math.min(60, Math.max(-60, event.deltaY));
      this.#stage.camera = zoomTo(camera, camera.zoom * Math.exp(-by / 150), this.#at(event));
    } else if (event.shiftKey && event.deltaX === 0) {
      this.#stage.camera = pan(camera, { x: event.deltaY, y: 0 });
    } else this.#stage.camera = pan(camera, { x: event.deltaX, y: event.deltaY });
  }

  #onDoubleClick(event: MouseEvent): void {
    if (isField(event)) return;
    const id = noteOf(event);
    if (id !== undefined) {
      if (this.#model.canWrite.value) this.#model.editing.start(id);
      return;
    }
    this.#model.add(toSurface(this.#stage.camera, this.#at(event)));
  }

  #dragTo(gesture: Gesture & { kind: 'note' }, at: Point): void {
    const { zoom } = this.#stage.camera;
    if (!this.#model.selected.value.has(gesture.id)) this.#model.select([gesture.id]);
    this.#drag.to({ x: (at.x - gesture.from.x) / zoom, y: (at.y - gesture.from.y) / zoom });
  }

  #pinch(moved: number, before: Point, at: Point): void {
    const [other] = [...this.#down].flatMap(([id, point]) => (id === moved ? [] : [point]));
    if (!other) return;
    const wide = Math.hypot(before.x - other.x, before.y - other.y);
    const wider = Math.hypot(at.x - other.x, at.y - other.y);
    const middle = { x: (at.x + other.x) / 2, y: (at.y + other.y) / 2 };
    const { camera } = this.#stage;
    const moving = pan(camera, { x: (before.x - at.x) / 2, y: (before.y - at.y) / 2 });
    this.#stage.camera = wide > 0 ? zoomTo(moving, camera.zoom * (wider / wide), middle) : moving;
  }

  #at({ clientX, clientY }: MouseEvent): Point {
    const { left, top } = this.#stage.view.getBoundingClientRect();
    return { x: clientX - left, y: clientY - top };
  }

  #boxOf(one: Point, other: Point): Box {
    const from = toSurface(this.#stage.camera, { x: Math.min(one.x, other.x), y: Math.min(one.y, other.y) });
    const to = toSurface(this.#stage.camera, { x: Math.max(one.x, other.x), y: Math.max(one.y, other.y) });
    return { ...from, width: to.x - from.x, height: to.y - from.y };
  }
}

const rounded = ({ x, y }: Point): Point => ({ x: Math.round(x), y: Math.round(y) });
const isField = (event: Event) => event.target instanceof HTMLTextAreaElement;
const noteOf = ({ target }: Event) => (target as Element).closest<HTMLElement>('.note')?.dataset.itemId;
