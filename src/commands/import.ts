// teamboard import: makes a board of the lines that `teamboard export` has written.

import { open } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import type { Command } from 'commander';
import { canonicalUuid } from '../http/uuid.ts';
import { type FileLine, readBoardFile, wrongFile } from './board-file.ts';
import { beginImport, commitImport, insertBoard, insertItems, insertMembers, PAGE } from './board-file-store.ts';
import type { Context } from './context.ts';
import { CommandFailure, exitCodes, notFound } from './failure.ts';
import { write } from './print.ts';
import { Progress } from './progress.ts';
import { findUser } from './user-store.ts';
import { type OpenDatabase, withDatabase } from './with-database.ts';

interface Options {
  newId?: boolean;
  key?: string | false;
  owner?: string;
  json?: boolean;
}

export function importCommand(program: Command, context: Context): void {
  program
    .command('import [file]')
    .description('make a board of an export (default: of standard input); all of it or nothing')
    .option('--new-id', 'give the board another id: where it is, or was, there already')
    .option('--key <key>', 'give the board another key than it had')
    .option('--no-key', 'give the board no key')
    .option(
      '--owner <id or email>',
      'whose the board is; of the members of before, those who have an account here are on it',
    )
    .option('--json', 'one line of JSON')
    .addHelpText('after', '\nExample:\n  teamboard import plans.jsonl --new-id --no-key --owner ada@example.org')
    .action((file: string | undefined, options: Options) => importFile(context, file, options));
}

async function importFile(context: Context, file: string | undefined, options: Options): Promise<void> {
  const progress = new Progress(context, 'items');
  const imported = await withDatabase(context, async (database) => {
    const input = file === undefined ? context.input : await openFile(file);
    return importLines(database, readBoardFile(input), options, progress);
  }).finally(() => progress.end());
  const { id, items, members, absent } = imported;
  const others = absent > 0 ? ` ${absent} of its members have no account here.` : '';
  const text = `Imported board ${id}: ${items} items, ${members} members.${others}\n`;
  await write(context, options.json ? `${JSON.stringify(imported)}\n` : text);
}

async function openFile(path: string): Promise<Readable> {
  const file = await open(path).catch((error: NodeJS.ErrnoException) => {
    throw notFound(`the file ${path} cannot be read (${error.code}).`);
  });
  if ((await file.stat()).isDirectory()) throw notFound(`${path} is a folder, and no file.`);
  return file.createReadStream();
}

async function importLines(
  { client, config }: OpenDatabase,
  lines: AsyncGenerator<FileLine>,
  { newId = false, key, owner }: Options,
  progress: Progress,
) {
  const found = owner === undefined ? undefined : await findUser(client, owner);
  if (owner !== undefined && !found) throw notFound(`there is no user ${owner}.`);
  await beginImport(client, { items: config.itemsPerBoard, bytes: config.bytesPerBoard });
  let id = '';
  let items = 0;
  const members: string[] = [];
  let batch: Array<{ json: string; number: number }> = [];
  const flush = async () => {
    const [first] = batch;
    if (!first) return;
    const numbers = `${first.number} to ${batch.at(-1)?.number}`;
    await insertItems(client, id, `[${batch.map(({ json }) => json).join(',')}]`).catch((error) =>
      explain(error, numbers),
    );
    items += batch.length;
    batch = [];
    progress.show(items, undefined);
  };
  for await (const line of lines) {
    if (line.kind === 'board') {
      const kept = key === false ? null : (key ?? line.board.key ?? null);
      const boardId = newId ? undefined : canonicalUuid(String(line.board.id));
      id = await insertBoard(client, { json: line.json, id: boardId, key: kept }).catch((error) => explain(error, '1'));
    } else if (line.kind === 'member') members.push(line.json);
    else if (batch.push(line) === PAGE) await flush();
  }
  await flush();
  const { count, isOwned } = await insertMembers(client, id, `[${members.join(',')}]`, found?.id);
  if (!isOwned) {
    const line = 'nobody who has an account here would own the board: name somebody with --owner.';
    throw new CommandFailure('TB_NO_OWNER', line, exitCodes.usage);
  }
  await commitImport(client).catch((error) => explain(error, '1'));
  const named = members.some((json) => found && json.includes(found.id)) || !found ? 0 : 1;
  return { id, items, members: count, absent: members.length + named - count };
}

/** @param numbers of the lines at fault */
function explain(error: Error & { code?: string; constraint?: string }, numbers: string): never {
  const { code = '', constraint, message } = error;
  if (constraint === 'boards_pkey' || constraint === 'items_board_id_fkey') {
    throw new CommandFailure('TB_ID_TAKEN', 'this board is, or was, in this database: import it with --new-id.');
  }
  if (constraint === 'boards_key') {
    throw new CommandFailure('TB_KEY_TAKEN', 'another board has this key: import it with --key or --no-key.');
  }
  // Data that do not fit (22), and constraints (23).
  if (/^2[23]/.test(code)) throw wrongFile(numbers, `cannot be taken (${message})`);
  throw error;
}
