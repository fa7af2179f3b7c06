// Which part of the endless surface is shown. All values are of CSS pixels of the view, or of the surface at zoom 1.

import { type Box, NOTE, type Point, type Size } from '../model/place.ts';

export interface Camera {
  /** The place of the surface that lies in the corner of the view. */
  x: number;
  y: number;
  zoom: number;
}

const LEAST_ZOOM = 0.1;
const MOST_ZOOM = 3;
const MARGIN = 60;
/** What can still be read. */
export const READABLE_ZOOM = 0.6;
/** What all of a board is shown at first with: its headings can be read. */
const LEAST_AT_FIRST = 0.45;
/** Between a note and the edge of the view that it was brought into. */
const ROOM = 16;
/** So much of the way in each frame. */
const GLIDE = 0.2;

export const toSurface = ({ x, y, zoom }: Camera, point: Point): Point => ({
  x: x + point.x / zoom,
  y: y + point.y / zoom,
});

export const toView = ({ x, y, zoom }: Camera, point: Point): Point => ({
  x: (point.x - x) * zoom,
  y: (point.y - y) * zoom,
});

/** @param by pixels of the view that the surface goes to the left and up */
export const pan = (camera: Camera, by: Point): Camera => ({
  ...camera,
  x: camera.x + by.x / camera.zoom,
  y: camera.y + by.y / camera.zoom,
});

/** @param at the point of the view that stays where it is */
export function zoomTo(camera: Camera, zoom: number, at: Point): Camera {
  const next = Math.min(MOST_ZOOM, Math.max(LEAST_ZOOM, zoom));
  const { x, y } = toSurface(camera, at);
  return { x: x - at.x / next, y: y - at.y / next, zoom: next };
}

/** A phone has less room to give away. */
const marginOf = ({ width }: Size) => Math.min(MARGIN, width / 12);

/** @returns the camera that shows all of them, not larger than they are */
export function fit(places: Iterable<Point>, view: Size): Camera {
  const box = boundsOf(places);
  if (!box) return { x: -view.width / 2, y: -view.height / 2, zoom: 1 };
  const margin = marginOf(view);
  const room = { width: Math.max(1, view.width - 2 * margin), height: Math.max(1, view.height - 2 * margin) };
  const zoom = Math.max(LEAST_ZOOM, Math.min(1, room.width / box.width, room.height / box.height));
  return {
    x: box.x + box.width / 2 - view.width / 2 / zoom,
    y: box.y + box.height / 2 - view.height / 2 / zoom,
    zoom,
  };
}

/** @returns the camera that shows all of the box, as large as it gets */
export function showing(box: Box, view: Size): Camera {
  const zoom = Math.min(MOST_ZOOM, Math.max(LEAST_ZOOM, Math.min(view.width / box.width, view.height / box.height)));
  return {
    x: box.x + box.width / 2 - view.width / 2 / zoom,
    y: box.y + box.height / 2 - view.height / 2 / zoom,
    zoom,
  };
}

/** @returns the camera of the next frame, on the way from one to the other */
export function glide(from: Camera, to: Camera): Camera {
  const left = Math.max(Math.abs(to.x - from.x), Math.abs(to.y - from.y)) * to.zoom;
  if (left < 1 && Math.abs(to.zoom / from.zoom - 1) < 0.002) return to;
  const part = (one: number, other: number) => one + (other - one) * GLIDE;
  return { x: part(from.x, to.x), y: part(from.y, to.y), zoom: part(from.zoom, to.zoom) };
}

/** @returns the camera to begin with: all of them, or the first ones, where all would be too small to read */
export function begin(places: Iterable<Point>, view: Size): Camera {
  const all = [...places];
  const camera = fit(all, view);
  const box = boundsOf(all);
  if (!box || camera.zoom >= LEAST_AT_FIRST) return camera;
  const margin = marginOf(view) / READABLE_ZOOM;
  return { x: box.x - margin, y: box.y - margin, zoom: READABLE_ZOOM };
}

/** @returns undefined when there are none */
export function boundsOf(places: Iterable<Point>): Box | undefined {
  let [left, top, right, bottom] = [Infinity, Infinity, -Infinity, -Infinity];
  for (const { x, y } of places) {
    left = Math.min(left, x);
    top = Math.min(top, y);
    right = Math.max(right, x + NOTE.width);
    bottom = Math.max(bottom, y + NOTE.height);
  }
  return left > right ? undefined : { x: left, y: top, width: right - left, height: bottom - top };
}

/** @returns what the view shows of the surface */
export const shown = ({ x, y, zoom }: Camera, { width, height }: Size): Box => ({
  x,
  y,
  width: width / zoom,
  height: height / zoom,
});

/** @returns to which sides there is more than is in sight */
export function moreBeside(sight: Box, notes: Box | undefined): string {
  if (!notes) return '';
  const left = notes.x < sight.x ? 'left' : '';
  const right = notes.x + notes.width > sight.x + sight.width ? 'right' : '';
  return `${left} ${right}`.trim();
}

/** @returns how far a stretch is outside of another one; below 0: on its near side */
export function beyond(from: number, to: number, first: number, last: number): number {
  if (from < first) return from - first - ROOM;
  return to > last ? to - last + ROOM : 0;
}
