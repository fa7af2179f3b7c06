// Dialogs that are on the page only while they are open.

import { ref } from 'lit/directives/ref.js';

/** @returns what opens a dialog as soon as it is on the page */
export const opened = () => ref(show);

function show(element: Element | undefined): void {
  if (!(element instanceof HTMLDialogElement)) return;
  // It is rendered before it is put there.
  queueMicrotask(() => {
    if (element.isConnected && !element.open) element.showModal();
  });
}
