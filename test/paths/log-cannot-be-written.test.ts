// A log that nobody takes: its disk is full, its reader stands still or has gone. A node loses lines, and nothing else.

import { spawnSync } from 'node:child_process';
import { closeSync, constants, openSync, readSync, writeSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { createLogger } from '../../src/logging/create-logger.ts';
import { LogOutput } from '../../src/logging/log-output.ts';
import { Client } from '../helpers/client.ts';
import { openStream } from '../helpers/event-stream.ts';
import { findFreePort } from '../helpers/free-port.ts';
import { useDatabase } from '../helpers/node.ts';
import { type NodeProcess, runCli, spawnNode } from '../helpers/process.ts';
import { until } from '../helpers/until.ts';

/** A pipe with a name, whose reader takes what it wants. */
async function usePipe(t: Test) {
  const folder = await mkdtemp(join(tmpdir(), 'teamboard-pipe-'));
  const path = join(folder, 'pipe');
  spawnSync('mkfifo', [path]);
  const fd = openSync(path, constants.O_RDWR | constants.O_NONBLOCK);
  t.teardown(async () => {
    closeSync(fd);
    await rm(folder, { recursive: true });
  });
  const untilItWouldWait = (move: () => number) => {
    let bytes = 0;
    try {
      for (;;) bytes += move();
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error;
      return bytes;
    }
  };
  const dots = Buffer.alloc(4096, '.');
  const buffer = Buffer.alloc(4096);
  let text = '';
  return {
    path,
    fd,
    fill: () => untilItWouldWait(() => writeSync(fd, dots)),
    /** @returns all that has been read so far */
    read: () => {
      untilItWouldWait(() => {
        const bytes = readSync(fd, buffer);
        text += buffer.toString('latin1', 0, bytes);
        return bytes;
      });
      return text;
    },
  };
}

type Pipe = Awaited<ReturnType<typeof usePipe>>;

const logs: Array<{ name: string; prepare: (t: Test) => Promise<{ path?: string; pipe?: Pipe }> }> = [
  { name: 'on a full disk', prepare: async () => ({ path: '/dev/full' }) },
  {
    name: 'whose reader stands still',
    prepare: async (t) => {
      const pipe = await usePipe(t);
      pipe.fill();
      return { path: pipe.path, pipe };
    },
  },
  { name: 'whose reader has gone', prepare: async () => ({}) },
];

for (const { name, prepare } of logs) {
  t.test(`with a log ${name} a node starts, answers, beats and ends in time (E5, E9)`, async (t) => {
    const { url } = await useDatabase(t);
    const { path, pipe } = await prepare(t);
    const environment = { DATABASE_URL: url, HEARTBEAT_SECONDS: '1', DRAIN_SECONDS: '0' };
    const node: NodeProcess =
      path === undefined
        ? await spawnNode(t, environment)
        : await spawnNode(t, { ...environment, PORT: String(await findFreePort()) }, { outputPath: path });
    if (path === undefined) node.closeOutput();
    const ada = await Client.signUp(node);
    const boardId = await ada.createBoard();
    // Each is a line of the log.
    for (let opened = 0; opened < 5; opened += 1) (await openStream(t, node.url, boardId, ada)).close();
    const stream = await openStream(t, node.url, boardId, ada);
    await stream.next('heartbeat');
    t.equal((await ada.get('/livez')).status, 200);
    node.kill('SIGTERM');
    t.strictSame(await node.exit(), { code: 0, signal: null }, 'in the time that an end has');
    await stream.end();
    t.match(stream.frames.at(-1), { event: 'close', data: { reason: 'shutdown' } });
    // Nothing of a line was there for it: it had waited for its reader until the end.
    if (pipe) t.match(pipe.read(), /^\.+$/);
  });
}

t.test('a start that fails says so and ends, also when nobody takes what it says', async (t) => {
  const pipe = await usePipe(t);
  pipe.fill();
  const runs = ['/dev/full', pipe.path].map((outputPath) => runCli(t, ['serve'], { PORT: 'http' }, { outputPath }));
  t.strictSame(
    (await Promise.all(runs)).map(({ code }) => code),
    [2, 2],
  );
});

t.test('lines wait in order, are written whole, and the log says how many were lost', async (t) => {
  const pipe = await usePipe(t);
  const output = new LogOutput({ fd: pipe.fd, maxWaitingBytes: 20_000 });
  const log = createLogger('info', output, false);
  log.info({ number: 0 }, 'free');
  t.match(pipe.read(), /"number":0/, 'at once');
  pipe.fill();
  const padding = 'x'.repeat(900);
  for (let number = 1; number <= 100; number += 1) log.info({ number, padding }, 'waits');
  const lines = await until(() => {
    const read = pipe.read().replaceAll(/\.{4096}/g, '');
    return read.includes('were lost') && read.trim().split('\n');
  }, 'the log to say that lines were lost');
  const entries = lines.map((line) => JSON.parse(line));
  const numbers = entries.slice(0, -1).map(({ number }) => number);
  t.strictSame(
    numbers,
    numbers.map((_, index) => index),
    'the first of them, in order',
  );
  t.ok(numbers.length > 10);
  t.match(entries.at(-1), { level: 40, lines: 101 - numbers.length }, 'and how many are not there');
});
