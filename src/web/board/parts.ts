// From one part of the board to the next, past all notes between.

const parts = ['.bar', '.stage', '.past-panel', '.time', '.tools'];
const focusable = 'button:not(:disabled), input, select, [tabindex="0"]';

/** Gives the focus to the first of the next part that takes it. @param isBack to the one before */
export function goToNextPart(board: HTMLElement, isBack: boolean): void {
  const { activeElement } = board.getRootNode() as ShadowRoot;
  // What the page around has put into the first line belongs to that page, and is no element of this tree.
  const at = Math.max(
    0,
    parts.findIndex((part) => activeElement?.closest(part)),
  );
  for (let step = 1; step <= parts.length; step += 1) {
    const next = parts[(at + (isBack ? parts.length - step : step)) % parts.length];
    const target = board.querySelector<HTMLElement>(`${next} :is(${focusable})`);
    if (!target) continue;
    target.focus();
    return;
  }
}
