// What a file or a pasted text holds, whichever of the forms it has.

import { readCsv } from './as-csv.ts';
import { readJson } from './as-json.ts';
import { readMarkdown } from './as-markdown.ts';
import type { Content } from './notes.ts';

/** @param fileName empty for what was pasted. @returns what is in it, at best nothing but lines of text */
export function read(text: string, fileName = ''): Content {
  const isCsv = /\.(?:csv|tsv)$/i.test(fileName) || undefined;
  const isText = /\.(?:md|markdown|txt)$/i.test(fileName);
  const json = isCsv || isText ? undefined : readJson(text);
  const csv = isText || json ? undefined : readCsv(text, isCsv);
  return json ?? csv ?? readMarkdown(text);
}
