// A note that has got the focus and is not all in sight.

import type { Point } from '../model/place.ts';
import { beyond } from './camera.ts';

/** @returns by how many pixels of the view the surface is to go; undefined: it stays */
export function wayIntoSight(view: HTMLElement, target: Element): Point | undefined {
  const box = target.closest<HTMLElement>('.note')?.getBoundingClientRect();
  if (!box) return undefined;
  const { left, right, top, bottom } = view.getBoundingClientRect();
  const by = { x: beyond(box.left, box.right, left, right), y: beyond(box.top, box.bottom, top, bottom) };
  return by.x === 0 && by.y === 0 ? undefined : by;
}
