// A text as a QR code, for cameras. Its code comes when the first one is drawn.

import { generate } from 'lean-qr';

/** So much white round it a camera needs to find it (ISO 18004: four modules). */
const QUIET_ZONE = 4;

/** Black on white, also in the dark: many cameras read it in no other way. */
export function drawCode(canvas: HTMLCanvasElement, text: string): void {
  generate(text).toCanvas(canvas, { on: [0, 0, 0], off: [255, 255, 255], pad: QUIET_ZONE });
}
