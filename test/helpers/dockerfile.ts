// What the Dockerfile says.

import { readProjectFile } from './project.ts';

const lines = readProjectFile('Dockerfile')
  .replace(/\\\n/g, ' ')
  .split('\n')
  .filter((line) => line !== '' && !line.startsWith('#'))
  .map((line) => {
    const [instruction = '', ...rest] = line.split(' ');
    return { instruction, value: rest.join(' ') };
  });

/** What stands behind each instruction of that name, in order. */
export function valuesOf(instruction: string): string[] {
  return lines.flatMap((line) => (line.instruction === instruction ? line.value : []));
}

/** The variables that the image sets. */
export const imageEnvironment = Object.fromEntries(
  valuesOf('ENV').flatMap((pairs) => pairs.split(' ').map((pair) => pair.split('='))),
) as Record<string, string>;
