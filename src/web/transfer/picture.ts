// A picture of the notes where they lie, in the colours of the page.

import { NOTE, type Point } from '../model/place.ts';
import { layOut } from './lay-out.ts';
import type { Note } from './notes.ts';
import { LINE_HEIGHT, MOST_HEIGHT, wrap } from './wrap.ts';

const MARGIN = 48;
/** As the style sheet has them. */
const PADDING = { x: 14, y: 12 };
const FONT_SIZE = 15.5;
const RADIUS = 6;
/** On each side, and all in all: more is empty in some browsers. */
const MOST_SIDE = 8192;
const MOST_PIXELS = 32_000_000;
const SHARPNESS = 2;

interface Drawn extends Point {
  color: string;
  lines: string[];
  height: number;
}

export async function draw(notes: readonly Note[]): Promise<Blob> {
  const canvas = document.createElement('canvas');
  const context = canvas.getContext('2d');
  if (!context) throw new Error('no canvas');
  const style = getComputedStyle(document.documentElement);
  const colorOf = (name: string) => style.getPropertyValue(`--${name}`).trim();
  const font = `${FONT_SIZE}px ${colorOf('font')}`;
  context.font = font;
  const drawn = layOut(notes, []).map((note): Drawn => {
    const lines = wrap(note.text, NOTE.width - 2 * PADDING.x, (text) => context.measureText(text).width);
    const height = Math.min(MOST_HEIGHT, Math.max(NOTE.height, lines.length * LINE_HEIGHT + 2 * PADDING.y));
    return { x: note.x, y: note.y, color: colorOf(note.color ?? 'yellow'), lines, height };
  });
  const left = drawn.reduce((least, { x }) => Math.min(least, x), drawn[0]?.x ?? 0) - MARGIN;
  const top = drawn.reduce((least, { y }) => Math.min(least, y), drawn[0]?.y ?? 0) - MARGIN;
  const width = drawn.reduce((most, { x }) => Math.max(most, x + NOTE.width), left + MARGIN) + MARGIN - left;
  const height = drawn.reduce((most, each) => Math.max(most, each.y + each.height), top + MARGIN) + MARGIN - top;
  const scale = Math.min(SHARPNESS, MOST_SIDE / width, MOST_SIDE / height, Math.sqrt(MOST_PIXELS / (width * height)));
  canvas.width = Math.max(1, Math.floor(width * scale));
  canvas.height = Math.max(1, Math.floor(height * scale));
  context.fillStyle = colorOf('paper');
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.scale(scale, scale);
  context.translate(-left, -top);
  context.font = font;
  context.textBaseline = 'middle';
  for (const note of drawn) drawNote(context, note, colorOf('note-ink'));
  return new Promise((resolve, reject) => {
    canvas.toBlob((blob) => (blob ? resolve(blob) : reject(new Error('no picture'))), 'image/png');
  });
}

function drawNote(context: CanvasRenderingContext2D, { x, y, color, lines, height }: Drawn, ink: string): void {
  context.save();
  context.beginPath();
  context.roundRect(x, y, NOTE.width, height, RADIUS);
  context.fillStyle = color;
  context.fill();
  context.clip();
  context.fillStyle = ink;
  for (const [index, line] of lines.entries()) {
    context.fillText(line, x + PADDING.x, y + PADDING.y + (index + 0.5) * LINE_HEIGHT);
  }
  context.restore();
}
