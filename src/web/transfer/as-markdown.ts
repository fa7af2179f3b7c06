// Markdown: a list with a point for each note, under a heading for each label. Read, any text is: what is in no list is a
// note for each paragraph.

import type { Exported } from './as-json.ts';
import { type Content, clean, labelOf, type Note } from './notes.ts';

const POINT = /^(?:[-*+•]|\d{1,9}[.)])(?:[ \t]+|$)/;
const CHECK = /^\[[ xX]\][ \t]+/;
/** A text that looks like a check box has a mark before it. */
const MARKED_CHECK = /^\\+(?=\[[ xX]\][ \t])/;
const INDENT = '  ';

/** Labels in the order in which they come first, those without one before them. */
export function writeMarkdown({ name, notes }: Exported): string {
  const groups = new Map<string, Note[]>([['', []]]);
  for (const note of notes) {
    const label = labelOf(note);
    groups.set(label, [...(groups.get(label) ?? []), note]);
  }
  const sections = [...groups].flatMap(([label, group]) => {
    if (group.length === 0) return [];
    const list = group.map(writePoint).join('\n');
    return [label === '' ? list : `## ${oneLine(label)}\n\n${list}`];
  });
  return `${[`# ${oneLine(name)}`, ...sections].join('\n\n')}\n`;
}

function writePoint({ text }: Note): string {
  const [first = '', ...rest] = text.split('\n');
  const mark = CHECK.test(first.replace(/^\\+/, '')) ? '\\' : '';
  return [`- ${mark}${first}`, ...rest.map((line) => (line === '' ? '' : INDENT + line))].join('\n');
}

const oneLine = (text: string) => text.replaceAll(/\s+/g, ' ').trim();

export function readMarkdown(text: string): Content {
  const notes: Note[] = [];
  let name: string | undefined;
  let label = '';
  let open: { isPoint: boolean; lines: string[] } | undefined;
  const close = () => {
    const text = open?.lines.join('\n').replace(/\s+$/, '') ?? '';
    open = undefined;
    if (text !== '') {
      notes.push(...clean({ text, color: '', x: undefined, y: undefined, data: label ? { label } : undefined }));
    }
  };
  for (const line of text.replace(/^\uFEFF/, '').split(/\r?\n/)) {
    const [, marks, heading] = /^(#{1,6})[ \t]+(.*?)[ \t]*#*$/.exec(line) ?? [];
    const [point] = POINT.exec(line) ?? [];
    if (marks) {
      close();
      if (marks === '#' && name === undefined && notes.length === 0) name = heading;
      else label = heading?.slice(0, 40) ?? '';
    } else if (point !== undefined) {
      close();
      open = { isPoint: true, lines: [uncheck(line.slice(point.startsWith('- ') ? 2 : point.length))] };
    } else if (open?.isPoint && (line.trim() === '' || /^(?: {2}|\t)/.test(line))) {
      open.lines.push(line.replace(/^(?: {2}|\t)/, ''));
    } else if (line.trim() === '') close();
    else {
      if (open?.isPoint) close();
      open ??= { isPoint: false, lines: [] };
      open.lines.push(line);
    }
  }
  close();
  return { kind: 'a list', ...(name !== undefined && { name }), notes };
}

const uncheck = (text: string) => (MARKED_CHECK.test(text) ? text.slice(1) : text.replace(CHECK, ''));
