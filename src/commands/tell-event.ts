// An event of a board in a line for people.

import { styleText } from 'node:util';
import type { BoardEvent } from '../events/board-event.ts';
import { withoutControls } from './print.ts';

const MOST_TEXT = 80;
const colors = { created: 'green', updated: 'yellow', deleted: 'red' } as const;

export function tellEvent(event: BoardEvent, hasColors: boolean): string {
  const { seq, at, actor, action, resource, id, changes } = event;
  const paint = (color: 'dim' | 'bold' | 'green' | 'yellow' | 'red', text: string) =>
    hasColors ? styleText(color, text, { validateStream: false }) : text;
  const who = paint('bold', short(actor?.name ?? 'by SQL'));
  const changed = changes ? ` (${changes.map(short).join(', ')})` : '';
  return `${paint('dim', `${at} #${seq}`)} ${who} ${paint(colors[action], action)} ${short(resource)}${changed} ${titleOf(event)} ${paint('dim', short(id))}`;
}

/** What a person would call it. */
function titleOf({ resource, object }: BoardEvent): string {
  const { text, name, user, role } = object as { text?: string; name?: string; user?: { name: string }; role?: string };
  if (resource === 'member') return `"${short(user?.name ?? '')}" as ${short(role ?? '')}`;
  return `"${short(text ?? name ?? '')}"`;
}

function short(text: string): string {
  const line = withoutControls(text);
  return line.length > MOST_TEXT ? `${line.slice(0, MOST_TEXT).toWellFormed()}…` : line;
}
