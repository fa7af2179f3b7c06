// What README.md and docs/ say, as a reader finds it: pages, headings, blocks of commands.

import { readdirSync } from 'node:fs';
import { projectPath, readProjectFile } from './project.ts';

export interface Block {
  page: string;
  /** The heading that it stands under. */
  heading: string;
  /** What stands behind the three backticks: sh, sql, or nothing. */
  language: string;
  text: string;
  /** Which one of its heading it is, from 1. */
  number: number;
}

/** The path of each page, from the root of the checkout. */
export const pages = [
  'README.md',
  'CONTRIBUTING.md',
  ...readdirSync(projectPath('docs'))
    .sort()
    .map((name) => `docs/${name}`),
];

/** All that stands between three backticks. */
export function blocksOf(page: string): Block[] {
  const blocks: Block[] = [];
  let heading = '';
  for (const [, language = '', text = '', title] of readProjectFile(page).matchAll(BLOCK_OR_HEADING)) {
    if (title !== undefined) heading = title;
    else {
      const number = blocks.filter((block) => block.heading === heading).length + 1;
      blocks.push({ page, heading, language, text, number });
    }
  }
  return blocks;
}

/** The text of one of them. Tests call it with literals: `docs.test.ts` looks which blocks they run. */
export function textOf(page: string, heading: string, number = 1): string {
  const found = blocksOf(page).find((block) => block.heading === heading && block.number === number);
  if (!found) throw new Error(`${page} has no commands ${number} under "${heading}"`);
  return found.text;
}

const BLOCK_OR_HEADING = /^```(\w*)\n(.*?)^```$|^#+ ([^\n]+)$/gms;

/** The anchors that a link can lead to: of each heading, as GitHub makes them. */
export function anchorsOf(page: string): string[] {
  const withoutBlocks = readProjectFile(page).replaceAll(/^```.*?^```$/gms, '');
  return [...withoutBlocks.matchAll(/^#+ (.+)$/gm)].map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-'),
  );
}
