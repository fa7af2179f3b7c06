// All of the board in a corner: the notes, what of them is in sight, and who points where. A hand that goes there moves the
// view. It is for hands and eyes alone: keys have `0` and the arrows.

import type { Item } from '../../client/types.ts';
import { colorOfUser } from '../model/palette.ts';
import { type Box, NOTE, type Point } from '../model/place.ts';
import type { Pointer } from '../state/pointers.ts';
import { boundsOf } from './camera.ts';

export interface MinimapView {
  items: ReadonlyMap<string, Item>;
  sight: Box;
  pointers: readonly Pointer[];
}

/** The notes are drawn anew as seldom as this, however often some of them move. */
const ANEW_MS = 300;
const MARGIN = 6;
const LEAST_SIDE = 2;

export class Minimap {
  readonly root = document.createElement('canvas');
  readonly #context = this.root.getContext('2d');
  /** The notes alone, as large as the map, with `#bounds` in it. */
  readonly #notes = document.createElement('canvas');
  readonly #goTo: (middle: Point) => void;
  readonly #ask: () => void;
  #items: ReadonlyMap<string, Item> | undefined;
  #bounds: Box | undefined;
  #drawnAt = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  /** Pixels of the map for one of the surface, and what lies in its corner. */
  #scale = 1;
  #corner: Point = { x: 0, y: 0 };
  #size = { width: 0, height: 0 };
  #ink = '';
  readonly #observer: ResizeObserver;
  readonly #scheme = matchMedia('(prefers-color-scheme: dark)');
  readonly #onScheme = () => this.#drawAnew();

  /**
   * @param goTo shows that place in the middle
   * @param ask for it to be drawn again
   */
  constructor(goTo: (middle: Point) => void, ask: () => void) {
    this.#goTo = goTo;
    this.#ask = ask;
    this.root.className = 'minimap';
    this.root.ariaHidden = 'true';
    let isDown = false;
    this.root.addEventListener('pointerdown', (event) => {
      if (event.button !== 0) return;
      isDown = true;
      this.root.setPointerCapture(event.pointerId);
      this.#go(event);
    });
    this.root.addEventListener('pointermove', (event) => {
      if (isDown) this.#go(event);
    });
    for (const type of ['pointerup', 'pointercancel'] as const) {
      this.root.addEventListener(type, () => {
        isDown = false;
      });
    }
    // What a hand does here is done to the map, not to what lies below it.
    for (const type of ['pointerdown', 'pointermove', 'pointerup', 'pointercancel', 'dblclick'] as const) {
      this.root.addEventListener(type, (event) => event.stopPropagation());
    }
    this.#observer = new ResizeObserver(([entry]) => {
      const { width = 0, height = 0 } = entry?.contentRect ?? {};
      this.#size = { width, height };
      for (const each of [this.root, this.#notes]) {
        each.width = Math.round(width * devicePixelRatio);
        each.height = Math.round(height * devicePixelRatio);
      }
      this.#drawAnew();
    });
    this.#observer.observe(this.root);
    this.#scheme.addEventListener('change', this.#onScheme);
  }

  draw({ items, sight, pointers }: MinimapView): void {
    const context = this.#context;
    // On a phone the style sheet hides it.
    if (!context || this.#size.width === 0) return;
    this.#drawNotes(items);
    this.#place(sight);
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.clearRect(0, 0, this.root.width, this.root.height);
    context.setTransform(devicePixelRatio, 0, 0, devicePixelRatio, 0, 0);
    if (this.#bounds) {
      const { x, y, width, height } = this.#toMap(this.#bounds);
      context.drawImage(this.#notes, x, y, width, height);
    }
    const { x, y, width, height } = this.#toMap(sight);
    context.strokeStyle = this.#ink;
    context.lineWidth = 1.5;
    context.strokeRect(x, y, width, height);
    for (const pointer of pointers) {
      const at = this.#toMap({ ...pointer, width: 0, height: 0 });
      context.beginPath();
      context.arc(at.x, at.y, 3, 0, 2 * Math.PI);
      context.fillStyle = colorOfUser(pointer.user.id);
      context.fill();
      context.lineWidth = 1;
      context.strokeStyle = '#ffffff';
      context.stroke();
    }
  }

  close(): void {
    this.#observer.disconnect();
    this.#scheme.removeEventListener('change', this.#onScheme);
    clearTimeout(this.#timer);
  }

  #drawAnew(): void {
    this.#items = undefined;
    this.#ask();
  }

  #drawNotes(items: ReadonlyMap<string, Item>): void {
    const context = this.#notes.getContext('2d');
    if (!context || items === this.#items) return;
    const wait = this.#drawnAt + ANEW_MS - performance.now();
    if (this.#items && wait > 0) {
      this.#timer ??= setTimeout(() => {
        this.#timer = undefined;
        this.#ask();
      }, wait);
      return;
    }
    this.#drawnAt = performance.now();
    this.#items = items;
    this.#bounds = boundsOf(items.values());
    const { width, height } = this.#notes;
    context.clearRect(0, 0, width, height);
    // Read as seldom: to ask for it has the browser work out all styles.
    const style = getComputedStyle(this.root);
    this.#ink = style.color;
    if (!this.#bounds) return;
    const [wide, high] = [width / this.#bounds.width, height / this.#bounds.height];
    const colors = new Map<string, string>();
    for (const { x, y, color } of items.values()) {
      const fill = colors.get(color) ?? style.getPropertyValue(`--${color}`);
      colors.set(color, fill);
      context.fillStyle = fill;
      const [left, top] = [(x - this.#bounds.x) * wide, (y - this.#bounds.y) * high];
      context.fillRect(left, top, Math.max(LEAST_SIDE, NOTE.width * wide), Math.max(LEAST_SIDE, NOTE.height * high));
    }
  }

  /** Shows the notes and what is in sight, whichever goes farther. */
  #place(sight: Box): void {
    const all = this.#bounds ? join(this.#bounds, sight) : sight;
    const { width, height } = this.#size;
    this.#scale = Math.min((width - 2 * MARGIN) / all.width, (height - 2 * MARGIN) / all.height);
    this.#corner = {
      x: all.x + all.width / 2 - width / 2 / this.#scale,
      y: all.y + all.height / 2 - height / 2 / this.#scale,
    };
  }

  #toMap({ x, y, width, height }: Box): Box {
    const scale = this.#scale;
    return {
      x: (x - this.#corner.x) * scale,
      y: (y - this.#corner.y) * scale,
      width: width * scale,
      height: height * scale,
    };
  }

  #go({ offsetX, offsetY }: PointerEvent): void {
    this.#goTo({ x: this.#corner.x + offsetX / this.#scale, y: this.#corner.y + offsetY / this.#scale });
  }
}

function join(one: Box, other: Box): Box {
  const [x, y] = [Math.min(one.x, other.x), Math.min(one.y, other.y)];
  return {
    x,
    y,
    width: Math.max(one.x + one.width, other.x + other.width) - x,
    height: Math.max(one.y + one.height, other.y + other.height) - y,
  };
}
