// The frame that a hand draws to choose what is in it.

import type { Box } from '../model/place.ts';
import { type Camera, toView } from './camera.ts';

export class ChoiceFrame {
  readonly root = document.createElement('div');

  constructor() {
    this.root.className = 'frame';
    this.root.hidden = true;
  }

  /** @param box on the surface; undefined: there is none */
  show(box: Box | undefined, camera: Camera): void {
    this.root.hidden = box === undefined;
    if (!box) return;
    const { x, y } = toView(camera, box);
    this.root.style.transform = `translate(${x}px, ${y}px)`;
    this.root.style.width = `${box.width * camera.zoom}px`;
    this.root.style.height = `${box.height * camera.zoom}px`;
  }
}
