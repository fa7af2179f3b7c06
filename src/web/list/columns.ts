// Which columns a board has, and what puts an item into one of them.

import type { Item } from '../../client/types.ts';
import type { Fields } from '../../client/writes/offered.ts';
import { type Color, colors, nameOf } from '../model/palette.ts';

export type ColumnsBy = 'color' | 'label';

export interface Column {
  /** Of its kind: a colour, a label; empty: without a label, or the only one. */
  name: string;
  title: string;
  /** In their order. */
  items: readonly Item[];
  /** What an item gets there; undefined: it can be taken from there alone. */
  fields: Fields | undefined;
}

export const MOST_LETTERS = 40;
/** An application may have given each of its items a label of its own. */
const MOST_COLUMNS = 40;
const OTHERS = '\n';

/** @returns the label, which is `data.label`; empty: it has none */
export function labelOf({ data }: Item): string {
  const { label } = data;
  return typeof label === 'string' ? label.trim().slice(0, MOST_LETTERS) : '';
}

/** @returns what makes it the label of an item */
export const labelled = (label: string): Fields => ({ data: { label: label.trim() || null } });

export function oneColumn(items: readonly Item[]): Column[] {
  return [{ name: '', title: '', items, fields: {} }];
}

export function columnsByColor(sorted: readonly Item[]): Column[] {
  const items = groupBy(sorted, ({ color }) => color);
  return colors.map((name: Color) => ({
    name,
    title: nameOf(name),
    items: items.get(name) ?? [],
    fields: { color: name },
  }));
}

/** @param known labels in their order: those that are not among them come behind it */
export function columnsByLabel(sorted: readonly Item[], known: readonly string[]): Column[] {
  const items = groupBy(sorted, labelOf);
  const names = [...new Set([...known, ...items.keys()])].filter((name) => name !== '');
  const shown = names.slice(0, MOST_COLUMNS);
  const columns: Column[] = [
    { name: '', title: 'No label', items: items.get('') ?? [], fields: labelled('') },
    ...shown.map((name) => ({ name, title: name, items: items.get(name) ?? [], fields: labelled(name) })),
  ];
  const others = new Set(names.slice(MOST_COLUMNS));
  const rest = sorted.filter((item) => others.has(labelOf(item)));
  return rest.length > 0
    ? [...columns, { name: OTHERS, title: 'Other labels', items: rest, fields: undefined }]
    : columns;
}

function groupBy(items: readonly Item[], keyOf: (item: Item) => string): Map<string, Item[]> {
  const groups = new Map<string, Item[]>();
  for (const item of items) {
    const key = keyOf(item);
    const group = groups.get(key);
    if (group) group.push(item);
    else groups.set(key, [item]);
  }
  return groups;
}
