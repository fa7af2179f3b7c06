// The pointers of the others, drawn on one canvas above the notes.

import { colorOfUser } from '../model/palette.ts';
import type { Pointer } from '../state/pointers.ts';
import { type Camera, toView } from './camera.ts';

const LABEL_FONT = '600 12px system-ui, sans-serif';
const LABEL_HEIGHT = 20;
const MOST_LETTERS = 24;

export class CursorLayer {
  readonly root = document.createElement('canvas');
  readonly #context = this.root.getContext('2d');
  /** Of the labels: to measure a text takes longer than to draw it. */
  readonly #widths = new Map<string, number>();
  #isEmpty = true;

  constructor() {
    this.root.className = 'cursors';
    this.root.ariaHidden = 'true';
  }

  resize(width: number, height: number): void {
    this.root.width = Math.round(width * devicePixelRatio);
    this.root.height = Math.round(height * devicePixelRatio);
  }

  /** @param me the id of the user, who may point in another window */
  draw(camera: Camera, pointers: readonly Pointer[], me: string): void {
    const context = this.#context;
    if (!context || (this.#isEmpty && pointers.length === 0)) return;
    const scale = devicePixelRatio;
    context.setTransform(scale, 0, 0, scale, 0, 0);
    context.clearRect(0, 0, this.root.width / scale, this.root.height / scale);
    this.#isEmpty = pointers.length === 0;
    for (const { user, ...place } of pointers) {
      const name = [...user.name].slice(0, MOST_LETTERS).join('');
      const label = user.id === me ? `${name} (you)` : name;
      this.#drawOne(context, toView(camera, place), label, colorOfUser(user.id));
    }
  }

  #drawOne(context: CanvasRenderingContext2D, at: { x: number; y: number }, label: string, color: string): void {
    context.save();
    context.translate(at.x, at.y);
    context.beginPath();
    context.moveTo(0, 0);
    context.lineTo(4.5, 16);
    context.lineTo(8, 9.5);
    context.lineTo(15, 8);
    context.closePath();
    context.fillStyle = color;
    context.strokeStyle = '#ffffff';
    context.lineWidth = 1.5;
    context.lineJoin = 'round';
    context.fill();
    context.stroke();
    context.font = LABEL_FONT;
    context.beginPath();
    context.roundRect(12, 15, this.#widthOf(context, label) + 14, LABEL_HEIGHT, 6);
    context.fill();
    context.fillStyle = '#ffffff';
    context.textBaseline = 'middle';
    context.fillText(label, 19, 15 + LABEL_HEIGHT / 2 + 0.5);
    context.restore();
  }

  #widthOf(context: CanvasRenderingContext2D, label: string): number {
    const known = this.#widths.get(label);
    if (known !== undefined) return known;
    const { width } = context.measureText(label);
    this.#widths.set(label, width);
    return width;
  }
}
