// Stands in a drawn request for what only the world knows, or for what is too long to print: `«board»`, `«deep:6000»`.
// The same draw then fits any world, and the smallest request that shows a fault can be read.

const PLACEHOLDER = /«(\w+)(?::([^»]*))?»/g;
/** In JSON they are strings, and what they stand for is often none. */
const BARE = /"«((?:raw|deep|fill|members):[^»]*)»"/g;

/** What a name stands for; ids above all. */
export type Names = Readonly<Record<string, string>>;

/** @returns the text with everything in it that its placeholders stand for */
export function expand(text: string, names: Names): string {
  return text
    .replaceAll(BARE, (_, inner: string) => `«${inner}»`)
    .replaceAll(PLACEHOLDER, (_, name: string, argument = '') => stand(name, argument, names));
}

function stand(name: string, argument: string, names: Names): string {
  switch (name) {
    case 'raw':
      return argument;
    case 'long':
      return 'a'.repeat(Number(argument));
    case 'deep':
      return '['.repeat(Number(argument)) + ']'.repeat(Number(argument));
    case 'fill':
      return `[${Array.from({ length: Number(argument) })
        .fill('{}')
        .join()}]`;
    case 'members':
      return `{${Array.from({ length: Number(argument) }, (_, index) => `"m${index}":{"a":1}`).join()}}`;
    case 'fresh':
      return `01890000-0000-7000-8000-${Number(argument).toString(16).padStart(12, '0')}`;
    case 'upper':
      return names[argument]?.toUpperCase() ?? '';
    default:
      return names[name] ?? '';
  }
}
