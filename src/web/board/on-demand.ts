// Code that comes when somebody asks for what it does.

import type { BoardModel } from '../model/board-model.ts';

/** @param load as `import()` does. @param use does what was asked for */
export function onDemand<Code>(model: BoardModel, load: () => Promise<Code>, use: (code: Code) => void): void {
  void load()
    .then(use)
    .catch(() => {
      model.said.value = 'This could not be loaded. Look at the connection, or load the page again.';
    });
}
