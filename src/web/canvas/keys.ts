// The canvas by keyboard: everything that a pointer can do.

import type { BoardModel } from '../model/board-model.ts';
import { colors } from '../model/palette.ts';
import type { Point } from '../model/place.ts';

export interface Keyed {
  addInMiddle(): void;
  pan(by: Point): void;
  zoom(factor: number): void;
  fit(): void;
  /** Back to the surface, from a note. */
  focus(): void;
}

const STEP = 10;
const LARGE_STEP = 60;
const PAN_PX = 80;
const ZOOM = 1.25;

const directions: Record<string, Point> = {
  ArrowLeft: { x: -1, y: 0 },
  ArrowRight: { x: 1, y: 0 },
  ArrowUp: { x: 0, y: -1 },
  ArrowDown: { x: 0, y: 1 },
};

/** @returns whether the key meant something: then the browser is not to do anything with it */
export function onCanvasKey(event: KeyboardEvent, model: BoardModel, stage: Keyed): boolean {
  const id = (event.target as Element).closest<HTMLElement>('.note')?.dataset.itemId;
  const { key } = event;
  const direction = directions[key];
  const isCommand = event.ctrlKey || event.metaKey;
  if (isCommand && key.toLowerCase() === 'a') model.select(model.items.value.keys());
  else if (isCommand || event.altKey) return false;
  else if (direction) move(direction, event.shiftKey, id, model, stage);
  else if ((key === 'Enter' || key === 'F2') && id !== undefined) {
    model.select([id]);
    if (model.canWrite.value) model.editing.start(id);
  } else if (key === ' ' && id !== undefined) model.toggle(id);
  else if (key === 'Delete' || key === 'Backspace') remove(id, model, stage);
  else if (key === 'Escape') {
    // It leads back to now.
    if (model.past.value) return false;
    model.select([]);
    stage.focus();
  } else if (key.toLowerCase() === 'n') stage.addInMiddle();
  else if (/^[1-8]$/.test(key)) {
    choose(id, model);
    model.recolor(colors[Number(key) - 1] ?? 'yellow');
  } else if (key === '+' || key === '=') stage.zoom(ZOOM);
  else if (key === '-') stage.zoom(1 / ZOOM);
  else if (key === '0') stage.fit();
  else return false;
  return true;
}

/** A note that has the focus is meant, where none is chosen. */
function choose(id: string | undefined, model: BoardModel): void {
  if (id !== undefined && !model.selected.value.has(id)) model.select([id]);
}

function move(direction: Point, isFar: boolean, id: string | undefined, model: BoardModel, stage: Keyed): void {
  choose(id, model);
  if (model.selected.value.size === 0) {
    stage.pan({ x: direction.x * PAN_PX, y: direction.y * PAN_PX });
    return;
  }
  const step = isFar ? LARGE_STEP : STEP;
  model.nudge({ x: direction.x * step, y: direction.y * step });
}

function remove(id: string | undefined, model: BoardModel, stage: Keyed): void {
  choose(id, model);
  if (model.selected.value.size === 0) return;
  model.remove();
  // What had the focus is gone, and the next key must reach the board.
  stage.focus();
}
