// What streams of many boards are written of one batch: the same frames, and ids of their own, whoever takes them at once.

import { createParser } from 'eventsource-parser';
import t from 'tap';
import type { LogEntry } from '../../src/events/board-event.ts';
import { parseVector, type Vector, VectorText } from '../../src/events/cursor-vector.ts';
import type { FollowedStream } from '../../src/streams/follower-options.ts';
import { LogWriter } from '../../src/streams/log-writer.ts';
import { VectorIds } from '../../src/streams/vector-ids.ts';
import type { Chunk } from '../../src/streams/wire/frame.ts';
import { FrameBatch } from '../../src/streams/wire/frame-batch.ts';

const boardId = '01a203b6-1fa0-7192-875a-07443cb85f66';
const epoch = 'abcdef01';

/** Takes all that it is given, or holds it as a socket does whose client is slow. */
class FakeConnection {
  isSlow: boolean;
  readonly room = 64 * 1024;
  readonly #written: Buffer[] = [];

  constructor(isSlow: boolean) {
    this.isSlow = isSlow;
  }

  get waitingBytes(): number {
    return this.isSlow ? this.#written.reduce((sum, { length }) => sum + length, 0) : 0;
  }

  writeAtOnce(chunk: Chunk): number | undefined {
    if (this.waitingBytes > 0) return undefined;
    this.write(chunk);
    return this.waitingBytes;
  }

  write({ text, framed }: Chunk): void {
    const [head = ''] = framed.toString('latin1').split('\r\n', 1);
    if (Number.parseInt(head, 16) !== text.length || framed.length !== head.length + text.length + 4)
      throw new Error(head);
    this.#written.push(this.isSlow ? text : Buffer.from(text));
  }

  writeParts(parts: Buffer[]): void {
    this.#written.push(...parts);
  }

  /** @returns the events, and the place of the board in their ids beside those of others */
  get told(): Array<{ seq: number; at: Vector['places'] | undefined }> {
    const told: Array<{ seq: number; at: Vector['places'] | undefined }> = [];
    createParser({
      onEvent: ({ data, id = '' }) => told.push({ seq: JSON.parse(data).seq, at: parseVector(id)?.places }),
    }).feed(Buffer.concat(this.#written).toString());
    return told;
  }
}

/** @param others by their numbers, where it is on them */
function openStream({ isSlow = false, after = 0, others = {} as Record<number, number> } = {}) {
  const connection = new FakeConnection(isSlow);
  const placed = [
    { entry: undefined, placeIn: () => ({ number: 1, seq: writer.position }), seqIn: () => writer.position },
    ...Object.entries(others).map(([number, seq]) => ({
      entry: undefined,
      placeIn: () => ({ number: Number(number), seq }),
      seqIn: () => seq,
    })),
  ] as const;
  const ids = new VectorIds({ epoch }, { epoch, places: [] });
  for (const board of placed) ids.add(board);
  const stream = { id: 'stream', userId: 'user', connection, ids, quantum: 64 * 1024 } as unknown as FollowedStream;
  const writer: LogWriter = new LogWriter(stream, {
    endedBy: () => undefined,
    placed: placed[0],
    onGap: () => t.fail('a gap'),
    onEnd: () => t.fail('an end'),
  });
  writer.position = after;
  // As `ready` does.
  t.ok(ids.id);
  const expected = (seqs: number[]) =>
    seqs.map((seq) => ({
      seq,
      at: new Map([[1, seq], ...Object.entries(others).map(([number, at]): [number, number] => [Number(number), at])]),
    }));
  return { connection, writer, expected };
}

function batchOf(first: number, count: number, text = 'x'): FrameBatch {
  const entries = Array.from({ length: count }, (_, index): LogEntry => {
    const seq = first + index;
    const ofNobody = { mutationId: undefined, actorId: undefined, streamId: undefined };
    return { seq, resource: 'item', action: 'updated', id: boardId, ...ofNobody, json: JSON.stringify({ seq, text }) };
  });
  return FrameBatch.encode({ epoch, boardId }, entries);
}

t.test('each has ids of its own, and what a socket still holds is never written over (E2, E5)', async (t) => {
  const streams = [
    openStream({ others: { 2: 20, 3: 30 } }),
    openStream({ others: { 2: 21, 3: 30 }, isSlow: true }),
    openStream({ others: { 2: 22, 3: 30 }, isSlow: true }),
    openStream({ others: { 2: 23, 3: 30 } }),
    openStream({ others: { 7: 70 } }),
    openStream({ others: { 2: 24, 3: 30 } }),
    openStream(),
  ];
  for (const batch of [batchOf(1, 1), batchOf(2, 3), batchOf(5, 1)]) {
    for (const { writer } of streams) writer.write(batch);
  }
  // One that comes to it later, when another batch has been written.
  const late = openStream({ others: { 2: 25, 3: 30 } });
  for (const batch of [batchOf(1, 1), batchOf(2, 3), batchOf(5, 1)]) late.writer.write(batch);
  for (const { connection, expected } of [...streams, late]) t.strictSame(connection.told, expected([1, 2, 3, 4, 5]));
});

t.test(
  'also where an id becomes longer in the middle of a batch, and where it is too much to be copied (E2)',
  async (t) => {
    // Places that a layout made for small ones has no digits for come amid the batch, whichever that is.
    const lengthAt = (seq: number) => {
      const text = new VectorText({ epoch, isRestLost: false }, [
        { number: 1, seq: 0 },
        { number: 2, seq: 0 },
      ]);
      text.move(text.entryOf(1), seq);
      return text.bytes.length;
    };
    const grows =
      Array.from({ length: 200 }, (_, seq) => seq + 1).find((seq) => lengthAt(seq) > lengthAt(seq - 1)) ?? 0;
    t.ok(grows > 3);
    const stream = openStream({ after: grows - 3, others: { 2: 0 } });
    const other = openStream({ after: grows - 3, others: { 2: 0, 5: 1 } });
    for (const batch of [batchOf(grows - 2, 6), batchOf(grows + 4, 3, 'y'.repeat(8000)), batchOf(grows + 7, 1)]) {
      stream.writer.write(batch);
      other.writer.write(batch);
    }
    const seqs = Array.from({ length: 10 }, (_, index) => grows - 2 + index);
    t.strictSame(stream.connection.told, stream.expected(seqs));
    t.strictSame(other.connection.told, other.expected(seqs));
  },
);
