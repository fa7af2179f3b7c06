// The files that a board can be had as.

import { html, type TemplateResult } from 'lit';
import { byRank } from '../list/order.ts';
import type { BoardModel } from '../model/board-model.ts';
import { type Exported, writeJson } from './as-json.ts';
import { writeMarkdown } from './as-markdown.ts';
import { noteOf } from './notes.ts';

interface Form {
  name: string;
  extension: string;
  make(board: Exported): Promise<Blob>;
}

const textOf = (text: string, type: string) => new Blob([text], { type });

/** What is drawn and what is written as CSV has its code in files of their own. */
const forms: Form[] = [
  { name: 'JSON', extension: 'json', make: async (board) => textOf(writeJson(board), 'application/json') },
  { name: 'Markdown', extension: 'md', make: async (board) => textOf(writeMarkdown(board), 'text/markdown') },
  {
    name: 'CSV',
    extension: 'csv',
    make: async ({ notes }) => textOf((await import('./as-csv.ts')).writeCsv(notes), 'text/csv'),
  },
  { name: 'PNG', extension: 'png', make: async ({ notes }) => (await import('./picture.ts')).draw(notes) },
];

/** @param run does what was asked for, and shows what it says or why it failed */
export function exports(model: BoardModel, run: (what: () => Promise<string>) => void): TemplateResult {
  const save = ({ extension, make }: Form) =>
    run(async () => {
      const board = exported(model);
      const name = `${fileNameOf(board.name)}.${extension}`;
      download(await make(board), name);
      return `${name}: ${count(board.notes.length)}.`;
    });
  return html`<h3>Export</h3>
    <div class="row forms">${forms.map((form) => html`<button type="button" @click=${() => save(form)}>${form.name}</button>`)}</div>`;
}

/** As it is shown, also what is not sent yet. */
function exported({ board, items }: BoardModel): Exported {
  const { name = 'Board', layout } = board.state.value.board ?? {};
  const notes = [...items.value.values()].sort(byRank).map(noteOf);
  return { name, layout: layout === 'list' ? 'list' : 'canvas', notes };
}

export const count = (notes: number): string => (notes === 1 ? '1 note' : `${notes} notes`);

/** @returns what each system takes for a name */
const fileNameOf = (name: string) =>
  name
    .replaceAll(/[^\p{L}\p{N}]+/gu, '-')
    .replaceAll(/^-|-$/g, '')
    .slice(0, 60) || 'board';

function download(content: Blob, name: string): void {
  const link = document.createElement('a');
  link.href = URL.createObjectURL(content);
  link.download = name;
  link.click();
  // The browser has begun to read it by then.
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}
