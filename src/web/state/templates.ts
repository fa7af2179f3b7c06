// What a new board may begin with.

import type { Board, Item } from '../../client/types.ts';

type Note = Pick<Item, 'text' | 'color' | 'x' | 'y'>;

export interface Template {
  name: string;
  /** For the name of the board, when nobody says one. */
  boardName: string;
  notes: readonly Note[];
}

const COLUMN = 240;
const ROW = 170;

/** Notes in columns, each of which has a colour. @param columns from left to right */
function inColumns(columns: ReadonlyArray<[color: Item['color'], ...texts: string[]]>): Note[] {
  return columns.flatMap(([color, ...texts], column) =>
    texts.map((text, row) => ({ text, color, x: column * COLUMN, y: row * ROW })),
  );
}

export const templates = {
  empty: { name: 'Empty', boardName: 'New board', notes: [] },
  retro: {
    name: 'Retro',
    boardName: 'Retrospective',
    notes: inColumns([
      ['green', 'Went well', 'What should we keep doing?'],
      ['red', 'Went badly', 'What held us up?'],
      ['blue', 'Ideas', 'What could we try?'],
      ['yellow', 'Actions', 'Who does what until when?'],
    ]),
  },
  kanban: {
    name: 'Kanban',
    boardName: 'Kanban',
    notes: inColumns([
      ['gray', 'To do', 'A first task'],
      ['blue', 'Doing', 'At most two at a time'],
      ['purple', 'Review', 'Somebody else looks at it'],
      ['green', 'Done', 'It works for those who asked for it'],
    ]),
  },
  planning: {
    name: 'Planning',
    boardName: 'Planning',
    notes: inColumns([
      ['purple', 'Goals', 'What will be different at the end?'],
      ['blue', 'This week', 'What is the next step?'],
      ['orange', 'Later', 'What can wait?'],
      ['red', 'Risks', 'What could go wrong?'],
    ]),
  },
} as const satisfies Record<string, Template>;

export type TemplateName = keyof typeof templates;

/**
 * What explains itself on the first board of somebody.
 *
 * @param layout how it is shown
 * @param isTouch there is no mouse, and no keyboard
 */
export function welcomeNotes(layout: Board['layout'], isTouch: boolean): Note[] {
  const twice = isTouch ? 'Double-tap' : 'Double-click';
  const place =
    layout === 'canvas'
      ? `${twice} anywhere, or ${isTouch ? 'tap Add note' : 'press N'}, for a new note. Drag notes where you like.`
      : `Add notes below. Drag them by their handles${isTouch ? '' : ', or press Alt and the arrow keys'}.`;
  return inColumns([
    ['yellow', `Welcome! This is a note. ${twice} it to change its text.`, place],
    [
      'blue',
      'Everyone on the board sees what you do, at once. Share invites somebody.',
      'Open this board in a second window: it follows the first.',
    ],
    [
      'green',
      'No network? Go on writing: it is sent when you are back.',
      isTouch
        ? 'Done with a note? Tap it, then Delete below. ↶ brings it back.'
        : 'Done with these notes? Press Ctrl+A, then Delete. Ctrl+Z brings them back.',
    ],
  ]);
}
