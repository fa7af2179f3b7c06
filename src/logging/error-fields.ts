// What the log is told of an error: what went wrong and where, and nothing that a client has sent.

import { stdSerializers } from 'pino';

/**
 * PostgreSQL puts whole rows into `detail`, statements into `where`, and a value that it cannot read into the message of
 * an error of class 22: all of it may be somebody's note.
 *
 * @returns its kind, code, message and stack, with those of its causes
 */
export function errorFields(error: unknown): object {
  if (!(error instanceof Error)) return { message: typeof error === 'string' ? error : 'no error was thrown' };
  const { type, message, stack } = stdSerializers.err(error);
  const { code } = error as NodeJS.ErrnoException;
  return { type, ...(code !== undefined && { code }), message: bare(message, error), stack: bare(stack, error) };
}

/** @returns the text without the values that the messages of the database hold */
function bare(text: string, error: unknown): string {
  let told = text;
  for (let each = error; each instanceof Error; each = each.cause) {
    const { code, message } = each as NodeJS.ErrnoException;
    const isOfValue = 'severity' in each && typeof code === 'string' && code.startsWith('22');
    if (isOfValue) told = told.replaceAll(message, message.replace(/".*"/s, '"…"'));
  }
  return told;
}
