// What a command writes: tables for people, JSON lines for programs, as fast as they are read.

import { once } from 'node:events';
import type { Context } from './context.ts';

/** Waits where the reader is slower. */
export async function write({ output }: Pick<Context, 'output'>, text: string): Promise<void> {
  if (!output.write(text)) await once(output, 'drain');
}

/** @param rows texts, a row each, of as many columns as `heads` */
export function tableOf(heads: string[], rows: string[][]): string {
  const lines = [heads, ...rows].map((line) => line.map(withoutControls));
  const widths = heads.map((_, column) => Math.max(...lines.map((line) => line[column]?.length ?? 0)));
  return lines
    .map(
      (line) =>
        `${line
          .map((text, column) => text.padEnd(widths[column] ?? 0))
          .join('  ')
          .trimEnd()}\n`,
    )
    .join('');
}

/** A name is anybody's, and must not move the cursor of a terminal, or forge a line. */
export function withoutControls(text: string): string {
  return text.replaceAll(/[\p{Cc}\p{Cf}\u2028\u2029]/gu, ' ');
}
