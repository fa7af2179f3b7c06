// Where the surface and its dots lie in the view.

import type { Camera } from './camera.ts';

/** Between the dots, at zoom 1. */
const GRID = 28;

export function placeSurface(view: HTMLElement, surface: HTMLElement, { x, y, zoom }: Camera): void {
  surface.style.transform = `scale(${zoom}) translate(${-x}px, ${-y}px)`;
  view.style.backgroundSize = `${GRID * zoom}px ${GRID * zoom}px`;
  view.style.backgroundPosition = `${-x * zoom}px ${-y * zoom}px`;
}
