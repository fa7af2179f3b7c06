// Where on the surface the view is, and what moves it: a hand or a key, a note that is looked for, somebody who is followed.

import { computed, signal } from '@preact/signals-core';
import type { Box, Point, Size } from '../model/place.ts';
import type { Following } from '../together/following.ts';
import { begin, type Camera, fit, glide, pan, showing, shown, toSurface, zoomTo } from './camera.ts';

export class Sight {
  /** Of the view. */
  readonly size = signal<Size>({ width: 0, height: 0 });
  readonly #camera = signal<Camera>({ x: 0, y: 0, zoom: 1 });
  readonly #following: Following;
  #isBegun = false;
  /** In whole per cent. */
  readonly percent = computed(() => Math.round(this.#camera.value.zoom * 100));

  constructor(following: Following) {
    this.#following = following;
  }

  get camera(): Camera {
    return this.#camera.value;
  }

  /** Whoever moves it looks for themselves from now on. */
  set camera(camera: Camera) {
    this.#following.stop();
    this.#camera.value = camera;
  }

  /** What is seen of the surface. */
  get box(): Box {
    return shown(this.camera, this.size.value);
  }

  /** Of what is seen. */
  get middle(): Point {
    return toSurface(this.camera, this.#middleOfView);
  }

  pan(by: Point): void {
    this.camera = pan(this.camera, by);
  }

  zoom(factor: number): void {
    this.camera = zoomTo(this.camera, this.camera.zoom * factor, this.#middleOfView);
  }

  fit(places: Iterable<Point>): void {
    this.camera = fit(places, this.size.value);
  }

  goTo(middle: Point, zoom: number = this.camera.zoom): void {
    const { x, y } = this.#middleOfView;
    this.camera = { x: middle.x - x / zoom, y: middle.y - y / zoom, zoom };
  }

  /** Shows what there is, as soon as the view has a size: only once. */
  begin(places: Iterable<Point>): void {
    const size = this.size.value;
    if (this.#isBegun || size.width === 0) return;
    this.#isBegun = true;
    this.#camera.value = begin(places, size);
  }

  /** A step of the way to where the followed one is. */
  goAlong(): void {
    const sight = this.#following.sight.peek();
    const size = this.size.peek();
    if (!sight || size.width === 0) return;
    const target = showing(sight, size);
    const isStill = matchMedia('(prefers-reduced-motion: reduce)').matches;
    const before = this.#camera.peek();
    const next = isStill ? target : glide(before, target);
    if (next.x !== before.x || next.y !== before.y || next.zoom !== before.zoom) this.#camera.value = next;
  }

  get #middleOfView(): Point {
    const { width, height } = this.size.value;
    return { x: width / 2, y: height / 2 };
  }
}
