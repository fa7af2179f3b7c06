// What can be done on the board now: whatever has a button there, by its name, and what has only a key.

import type { BoardModel } from '../model/board-model.ts';

export interface Command {
  name: string;
  /** As people read it; empty: none. */
  keys: string;
  run(): void;
}

/** @param root of the board. @param host has more buttons in its slots: those of the page around it */
export function commandsOf(root: ShadowRoot, host: Element, model: BoardModel): Command[] {
  const buttons = [
    ...root.querySelectorAll<HTMLElement>('.tools button:not(:disabled), .bar button:not(:disabled)'),
    ...host.querySelectorAll<HTMLElement>('[slot]:is(a, button), [slot] :is(a, button)'),
  ];
  const commands = buttons
    .filter((button) => button.dataset.find === undefined)
    .map((button): Command => {
      const [, keys = ''] = /\(([^()]+)\)$/.exec(button.title) ?? [];
      return { name: nameOf(button), keys, run: () => button.click() };
    });
  const all = { name: 'Choose all notes', keys: 'Ctrl+A', run: () => model.select(model.items.value.keys()) };
  return [...commands, all];
}

/** With what its group is called, where the button alone does not say it. */
function nameOf(button: HTMLElement): string {
  const name = (button.ariaLabel ?? button.textContent ?? '').replace(/^‹\s*/, '').trim();
  const group = button.closest('[role="group"]')?.ariaLabel ?? '';
  return group === '' || name.toLowerCase().includes(group.toLowerCase()) ? name : `${group}: ${name}`;
}
