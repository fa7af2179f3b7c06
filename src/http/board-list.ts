// `<id>[@<cursor>],…`: the boards that a request names in its query. Keys have become ids before (board-names-plugin.ts).

import { invalid, type Problem } from '../problems/problem.ts';
import { canonicalUuid } from './uuid.ts';

export const MOST_BOARDS = 256;

/**
 * @param text of `boards`
 * @returns by board, what is said of where the client is on it
 * @throws Problem TB_INVALID
 */
export function parseBoards(text: string): Map<string, string | undefined> {
  const boards = new Map<string, string | undefined>();
  for (const part of text.split(',').map((each) => each.trim())) {
    if (part === '') continue;
    const at = part.indexOf('@');
    const boardId = canonicalUuid(at < 0 ? part : part.slice(0, at));
    if (boardId === undefined)
      throw wrongBoards(
        `"${part.slice(0, MOST_SHOWN)}" must be a UUID, or ~ and a key, or one of them with @ and a cursor`,
      );
    // No cursor, which is no mistake, and not one that nobody has made.
    if (!boards.has(boardId)) boards.set(boardId, at < 0 ? undefined : part.slice(at + 1) || undefined);
  }
  if (boards.size === 0) throw wrongBoards('must name a board');
  if (boards.size > MOST_BOARDS) throw wrongBoards(`must not name more than ${MOST_BOARDS} boards`);
  return boards;
}

const MOST_SHOWN = 100;

function wrongBoards(message: string): Problem {
  return invalid('/boards', message);
}
