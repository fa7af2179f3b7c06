// CSV, for spreadsheets. What begins like a formula there is told to be a text, and read back as what it was.

import Papa from 'papaparse';
import { type Content, clean, labelOf, type Note } from './notes.ts';

/**
 * What Excel, LibreOffice and Google Sheets compute instead of showing it, also when it was typed on a keyboard for wide
 * letters, and when it lies behind apostrophes that stand for none.
 */
const FORMULA = /^'*[=+\-@\t\r\n＝＋－＠]/;
const TEXT_MARK = "'";
/** Else Excel takes UTF-8 for something else. */
const BYTE_ORDER_MARK = '\uFEFF';
/** Columns that hold what a note says, in the order in which they stand in it. */
const TEXTS = ['text', 'note', 'title', 'name', 'summary', 'subject', 'content', 'description', 'body', 'notes'];

export function writeCsv(notes: readonly Note[]): string {
  const fields = ['text', 'color', 'label', 'x', 'y'];
  const data = notes.map((note) => [note.text, note.color ?? '', labelOf(note), note.x ?? '', note.y ?? '']);
  return BYTE_ORDER_MARK + Papa.unparse({ fields, data }, { escapeFormulae: FORMULA });
}

/** @param isCsv undefined where nobody has said so: then only what has a header is. @returns undefined when it is none */
export function readCsv(text: string, isCsv?: boolean): Content | undefined {
  const { data } = Papa.parse<string[]>(text, { skipEmptyLines: 'greedy' });
  const [first = [], ...rest] = data.map((row) => row.map(unmark));
  const names = first.map((name) => name.trim().toLowerCase());
  const texts = TEXTS.flatMap((name) => (names.includes(name) ? names.indexOf(name) : []));
  if (texts.length === 0) {
    if (!isCsv) return undefined;
    return {
      kind: 'CSV',
      notes: [first, ...rest].flatMap((row) =>
        read(
          row,
          row.map((_, index) => index),
          [],
        ),
      ),
    };
  }
  if (!isCsv && names.length < 2) return undefined;
  return { kind: 'CSV', notes: rest.flatMap((row) => read(row, texts, names)) };
}

function read(row: readonly string[], texts: readonly number[], names: readonly string[]): Note[] {
  const text = texts.flatMap((index) => row[index] || []).join('\n');
  if (text.trim() === '') return [];
  const field = (...known: string[]) => row[names.findIndex((name) => known.includes(name))]?.trim() ?? '';
  const place = (name: string) => (field(name) === '' ? undefined : Number(field(name)));
  const label = field('label', 'list', 'column', 'status');
  return clean({
    text,
    color: field('color', 'colour').toLowerCase(),
    x: place('x'),
    y: place('y'),
    data: label ? { label } : undefined,
  });
}

const unmark = (cell: string) =>
  cell.startsWith(TEXT_MARK) && FORMULA.test(cell) ? cell.slice(TEXT_MARK.length) : cell;
