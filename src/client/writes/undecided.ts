// What was not done, as the page shows it, and what is decided about it. Nobody's text is lost before that.

import type { Choice, Undecided } from './offered.ts';
import type { Operation, Write } from './write.ts';

export function undecidedOf({ key, boardId, status, operations, problem = { status: 0 } }: Write): Undecided {
  const told = { key, boardId, status: status as Undecided['status'], operations, problem };
  const { current: theirs, base = null, conflicts = [] } = problem;
  if (status !== 'conflict' || !theirs) return told;
  const mine = operations.find(({ id }) => id === theirs.id)?.item;
  return { ...told, conflict: { id: theirs.id, base, mine, theirs, conflicts } };
}

/** @returns what is to be written now; nothing when it is dropped; undefined for fields that are of no one item */
export function decided({ operations, problem }: Write, choice: Choice): Operation[] | undefined {
  if (choice === 'theirs') return [];
  const { current } = problem ?? {};
  const [only] = operations;
  // Of many operations the fields are those of the one in conflict.
  const chosenId = current?.id ?? (operations.length === 1 ? only?.id : undefined);
  // Of which item they are nobody can say, and what was refused must not go with them again.
  if (choice !== 'mine' && !chosenId) return undefined;
  return operations.map(({ op, id, item, ifMatch }) => {
    const isStale = id === current?.id;
    const version = isStale ? current?.version : ifMatch;
    const fields = choice !== 'mine' && id === chosenId ? choice : item;
    const kind = op === 'delete' && fields ? 'update' : op;
    return { op: kind, id, ...(fields && { item: fields }), ...(version !== undefined && { ifMatch: version }) };
  });
}
