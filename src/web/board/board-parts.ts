// What <team-board> is made of while it shows one board: made together, and ended together.

import { CanvasView } from '../canvas/canvas-view.ts';
import { ListView } from '../list/list-view.ts';
import { BoardModel } from '../model/board-model.ts';
import { keepOpen } from '../state/keeping.ts';
import { type OpenBoardOptions, openBoard } from '../state/open-board.ts';
import { Following } from '../together/following.ts';
import { createWriters } from '../together/writers.ts';
import { Find } from './find.ts';
import { LookBack } from './look-back.ts';
import { watchPrinting } from './printing.ts';

export interface PartsOptions extends OpenBoardOptions {
  /** Where it is shown. */
  root: ShadowRoot;
  /** Whether it is to be there also while the server cannot be reached. */
  keeps: boolean;
}

export type Parts = ReturnType<typeof createParts>;

export function createParts({ root, keeps, ...how }: PartsOptions) {
  const board = openBoard(how);
  const stopKeeping = keeps ? keepOpen(board) : () => {};
  const model = new BoardModel(board);
  const writers = createWriters(board);
  const say = (line: string) => {
    model.said.value = line;
  };
  const following = new Following(board, say, () => document.hasFocus());
  const canvas = new CanvasView(model, writers, following);
  const list = new ListView(model, writers, (noteId) => lookBack.openHistory(noteId));
  const view = () => (canvas.view.isConnected ? canvas : list);
  const options = { model, root, view };
  const lookBack = new LookBack(options);
  const find = new Find(options);
  const printing = watchPrinting();
  return {
    model,
    following,
    printing,
    canvas,
    list,
    lookBack,
    find,
    close() {
      stopKeeping();
      for (const part of [lookBack, find, printing, canvas, list, following, writers, model]) part.close();
    },
  };
}
