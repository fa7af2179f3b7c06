// The JSON that Trello's "Export as JSON" writes: cards of open lists become notes, lists their labels.

import type { Color } from '../model/palette.ts';
import { type Content, clean, type Note } from './notes.ts';

type Fields = Record<string, unknown>;

/** Of Trello's labels, whose names end with `_dark` or `_light` too. */
const COLORS: Record<string, Color> = {
  green: 'green',
  lime: 'green',
  yellow: 'yellow',
  orange: 'orange',
  red: 'red',
  pink: 'pink',
  purple: 'purple',
  blue: 'blue',
  sky: 'blue',
  black: 'gray',
};
const APART = 224;
const MOST_LETTERS = 40;

const listOf = (value: unknown): Fields[] =>
  Array.isArray(value) ? value.filter((each) => typeof each === 'object' && each) : [];
const numberOf = (value: unknown): number => (typeof value === 'number' ? value : 0);
const byPosition = (one: Fields, other: Fields) => numberOf(one.pos) - numberOf(other.pos);

export const isTrello = ({ lists, cards }: Fields): boolean => Array.isArray(lists) && Array.isArray(cards);

export function readTrello({ name, lists, cards, checklists }: Fields): Content {
  const open = listOf(lists)
    .filter(({ closed }) => closed !== true)
    .sort(byPosition);
  const notes = open.flatMap((list, column) =>
    listOf(cards)
      .filter(({ idList, closed }) => idList === list.id && closed !== true)
      .sort(byPosition)
      .flatMap((card) => readCard(card, list, column * APART, listOf(checklists))),
  );
  return { kind: 'a board of Trello', ...(typeof name === 'string' && { name }), notes };
}

function readCard(card: Fields, list: Fields, x: number, checklists: readonly Fields[]): Note[] {
  const steps = checklists
    .filter(({ idCard }) => idCard === card.id)
    .sort(byPosition)
    .flatMap(({ checkItems }) => listOf(checkItems).sort(byPosition))
    .map((step) => `- [${step.state === 'complete' ? 'x' : ' '}] ${step.name}`);
  const text = [card.name, card.desc, steps.join('\n')].filter(Boolean).join('\n\n');
  const [color] = listOf(card.labels).flatMap((label) => COLORS[String(label.color).replace(/_.*/, '')] ?? []);
  const label = String(list.name ?? '')
    .trim()
    .slice(0, MOST_LETTERS);
  // Each list is a column; how far down is decided where it comes to lie.
  return clean({ text, color, x, y: 0, data: label ? { label } : undefined });
}
