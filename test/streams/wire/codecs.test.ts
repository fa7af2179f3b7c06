// The codecs of the stream: what goes in comes out of a browser's parser, and nothing else does.

import { createParser, type EventSourceMessage } from 'eventsource-parser';
import fc from 'fast-check';
import t from 'tap';
import { SnapshotReader } from '../../../src/boards/snapshot.ts';
import type { BoardEvent, LogEntry } from '../../../src/events/board-event.ts';
import { Channels } from '../../../src/events/channel.ts';
import { formatCursor, isOf, parseCursor } from '../../../src/events/cursor.ts';
import { planOpening } from '../../../src/streams/opening/start-place.ts';
import { closeRules, drawRetryMs } from '../../../src/streams/wire/close-reason.ts';
import {
  changedFrame,
  closeFrame,
  encodeChunk,
  heartbeatFrame,
  readyFrame,
  resetFrame,
} from '../../../src/streams/wire/frame.ts';
import { FrameBatch } from '../../../src/streams/wire/frame-batch.ts';
import { SnapshotFrame } from '../../../src/streams/wire/snapshot-frame.ts';

const boardId = '01a203b6-1fa0-7192-875a-07443cb85f66';
const otherBoardId = '01a203b6-1fa0-7192-875a-07443cb85f67';
const history = { epoch: 'abcdef01', boardId };
const epoch = fc.stringMatching(/^[0-9a-f]{8}$/);
const seq = fc.maxSafeNat();
// Any text, with the characters that end lines and fields in SSE more often than chance has them.
const text = fc.string({
  unit: fc.oneof(
    fc.constantFrom('\r', '\n', '\r\n', '\n\n', ':', ' ', '\u2028', '\ufeff', 'id:', 'data:'),
    fc.string({ unit: 'binary' }),
  ),
});

function parse(wire: string): EventSourceMessage[] {
  const events: EventSourceMessage[] = [];
  createParser({ onEvent: (event) => void events.push(event) }).feed(wire);
  return events;
}

function eventWith(seqOfEvent: number, value: string): BoardEvent {
  return {
    seq: seqOfEvent,
    boardId,
    resource: 'item',
    action: 'updated',
    id: boardId,
    object: { text: value, [value]: 1 },
    changes: ['text'],
    actor: { id: boardId, name: value },
    mutationId: value,
    at: '2026-11-22T10:00:00.000Z',
  };
}

t.test('a cursor comes back as it went out, and is short and plain enough for a cross-origin header', async (t) => {
  fc.assert(
    fc.property(epoch, seq, (e, s) => {
      const cursor = formatCursor({ epoch: e, boardId }, s);
      t.match(cursor, /^[0-9a-f-]{1,39}$/);
      const parsed = parseCursor(cursor);
      t.equal(parsed?.seq, s);
      t.ok(parsed && isOf(parsed, { epoch: e, boardId }));
      t.notOk(parsed && isOf(parsed, { epoch: e, boardId: otherBoardId }), 'the same number of another board');
      t.notOk(parsed && isOf(parsed, { epoch: `${e.slice(1)}x`, boardId }), 'or of another history');
    }),
  );
});

t.test('what no cursor can be is read as none', async (t) => {
  const wrong = [
    '',
    '-',
    '0',
    'abcdef01',
    'abcdef01-',
    'abcdef01--1',
    'abcdef01-1.5',
    'abcdef01-01',
    ' abcdef01-1',
    'ABCDEF01-1',
  ];
  for (const cursor of [...wrong, 'abcdef01-9007199254740992', 'abcdef01-1\n', 'abcdef01-1e3', '__proto__']) {
    t.equal(parseCursor(cursor), undefined, JSON.stringify(cursor));
  }
  fc.assert(
    fc.property(text, (value) => {
      const parsed = parseCursor(value);
      return parsed === undefined || `${parsed.epoch}-${parsed.seq}` === value;
    }),
  );
});

t.test('a channel is made of a UUID and nothing else', async (t) => {
  const longest = 'a_schema_of_20_chars';
  const channels = new Channels(longest);
  t.equal(channels.ofBoard(boardId), `${longest}_board_${boardId}`);
  t.ok(Buffer.byteLength(channels.ofBoard(boardId)) < 64, 'PostgreSQL would cut a longer one');
  t.equal(channels.boardOf(new Channels('another').ofBoard(boardId)), undefined, 'of another installation');
  t.equal(channels.boardOf(channels.ofBoard(boardId)), boardId);
  for (const wrong of ['', 'x', `${boardId}"; drop table boards; --`, boardId.toUpperCase(), `${boardId}\n`]) {
    t.throws(() => channels.ofBoard(wrong), TypeError, JSON.stringify(wrong));
    t.equal(channels.boardOf(`${longest}_board_${wrong}`), undefined);
  }
});

t.test('any text in an event arrives as it was, in one event with its own id', async (t) => {
  const holds = fc.property(epoch, fc.nat(), text, (e, s, value) => {
    const event = eventWith(s, value);
    const json = JSON.stringify(event);
    const events = parse(changedFrame(`${e}-${s}`, json) + heartbeatFrame({ boardId, cursor: 'abcdef01-1' }));
    t.equal(events.length, 2);
    t.equal(events[0]?.event, 'changed');
    t.equal(events[0]?.id, `${e}-${s}`);
    // A lone surrogate has no UTF-8; JSON escapes it, and so it arrives all the same.
    t.strictSame(JSON.parse(events[0]?.data ?? ''), event);
  });
  fc.assert(holds);
});

t.test('only frames with a place in the log carry an id: better-sse would invent one', async (t) => {
  const ready = { streamId: 's', boardId, cursor: 'abcdef01-1', heartbeatSeconds: 15 };
  for (const frame of [
    readyFrame(ready, undefined),
    heartbeatFrame({ boardId, cursor: 'abcdef01-1' }),
    closeFrame('shutdown'),
  ]) {
    t.notMatch(frame, /^id/m);
  }
  t.equal(
    resetFrame('vector', { boardId, reason: 'gap', cursor: 'abcdef01-7' }),
    `event:reset\ndata:{"boardId":"${boardId}","reason":"gap","cursor":"abcdef01-7"}\nid:vector\n\n`,
  );
  for (const most of [1, 5, 100]) {
    const frame = new SnapshotFrame(() => 'abcdef01-7', snapshotOf('{"items":[]}'));
    t.equal(readWhole(frame, most), 'event:snapshot\ndata:{"items":[]}\nid:abcdef01-7\n\n');
  }
  t.match(readyFrame(ready, 'abcdef01-1'), /^retry:[12]\d{3}\nevent:ready\ndata:\{.*\}\nid:abcdef01-1\n\n$/);
  const heartbeat = { boardId, cursor: 'abcdef01-7' };
  t.equal(heartbeatFrame(heartbeat), `event:heartbeat\ndata:${JSON.stringify(heartbeat)}\n\n`);
});

t.test('data of more than one line is refused: its second line would be a field', async (t) => {
  t.throws(() => readWhole(new SnapshotFrame(() => 'abcdef01-1', snapshotOf('{"a":1,\n"b":2}')), 100), TypeError);
  t.throws(() => readWhole(new SnapshotFrame(() => 'abcdef01-1', snapshotOf('{}\rid: 9')), 100), TypeError);
});

t.test('close says whether to come back, and when', async (t) => {
  for (const [reason, { retry, retryMs }] of Object.entries(closeRules)) {
    const [, delay, rest] = /^retry:(\d+)\n([\s\S]*)$/.exec(closeFrame(reason as keyof typeof closeRules)) ?? [];
    t.equal(rest, `event:close\ndata:{"reason":"${reason}","retry":${retry}}\n\n`);
    t.ok(Number(delay) >= retryMs[0] && Number(delay) <= retryMs[1], `${reason}: ${delay} ms`);
  }
  const drawn = new Set(Array.from({ length: 100 }, () => drawRetryMs([1000, 3000])));
  t.ok(drawn.size > 50, 'a thousand clients do not come back in one instant (E9)');
});

t.test('a chunk is the same text twice: plain, and framed for HTTP/1.1', async (t) => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme', minLength: 1 }), (value) => {
      const { text: plain, framed } = encodeChunk(value);
      t.equal(plain.toString(), value);
      t.equal(framed.toString(), `${Buffer.byteLength(value).toString(16)}\r\n${value}\r\n`);
    }),
  );
});

const at = (seqInHistory: number) => formatCursor(history, seqInHistory);

const entryOf = (event: BoardEvent, streamId?: string): LogEntry => {
  const { seq, resource, action, id, mutationId } = event;
  return { seq, resource, action, id, mutationId, actorId: event.actor?.id, streamId, json: JSON.stringify(event) };
};

t.test('a batch knows where it begins, where it ends, and to whom it is not what it is to all', async (t) => {
  const removal: BoardEvent = { ...eventWith(8, 'x'), resource: 'member', action: 'deleted', id: 'user-1' };
  const end: BoardEvent = { ...eventWith(9, 'x'), resource: 'board', action: 'deleted' };
  const batch = FrameBatch.encode(history, [entryOf(eventWith(7, 'x')), entryOf(removal), entryOf(end)]);
  t.equal(batch.from, 6);
  t.equal(batch.to, 9);
  t.equal(batch.isSameForAll('any'), false);
  t.strictSame(
    batch.frames.map(({ ends }) => ends),
    [undefined, { reason: 'revoked', userId: 'user-1' }, { reason: 'deleted' }],
  );
  t.equal(batch.chunk, batch.chunk, 'encoded once');
  t.equal(FrameBatch.encode(history, [entryOf(eventWith(7, 'x'))]).isSameForAll('any'), true);
  const own = FrameBatch.encode(history, [entryOf({ ...eventWith(7, 'x'), actor: { id: 'u', name: 'U' } }, 'mine')]);
  t.equal(own.isSameForAll('any'), true);
  t.equal(own.isSameForAll('mine'), false);
  const data = `{"boardId":"${boardId}","seq":7,"mutationId":"x"}`;
  t.equal(own.frames[0]?.origin?.text.toString(), `event:own\ndata:${data}\nid:${at(7)}\n\n`);
  const nobodys = FrameBatch.encode(history, [entryOf({ ...eventWith(7, 'x'), actor: null }, 'mine')]);
  t.equal(nobodys.isSameForAll('mine'), true);
});

t.test('where a stream starts (E2)', async (t) => {
  const extent = { head: 20, trimmedTo: 5 };
  const cases: Array<[string | undefined, ReturnType<typeof planOpening>]> = [
    [undefined, { position: 20 }],
    [at(20), { position: 20, resumedFrom: at(20) }],
    [at(19), { position: 19, resumedFrom: at(19) }],
    [at(5), { position: 5, resumedFrom: at(5) }],
    [at(4), { position: 20, reset: 'trimmed' }],
    [at(0), { position: 20, reset: 'trimmed' }],
    [at(21), { position: 20, reset: 'ahead' }],
    ['abcdef01-19', { position: 20, reset: 'epoch' }],
    [formatCursor({ epoch: 'abcdef02', boardId }, 19), { position: 20, reset: 'epoch' }],
    [formatCursor({ epoch: 'abcdef02', boardId }, 21), { position: 20, reset: 'epoch' }],
    [formatCursor({ ...history, boardId: otherBoardId }, 19), { position: 20, reset: 'epoch' }],
    ['7', { position: 20, reset: 'malformed' }],
    ['abcdef01-1\nevent: admin', { position: 20, reset: 'malformed' }],
  ];
  for (const [cursor, opening] of cases) t.strictSame(planOpening(cursor, history, extent), opening, String(cursor));
  t.strictSame(planOpening(at(0), history, { head: 3, trimmedTo: 0 }), {
    position: 0,
    resumedFrom: at(0),
  });
});

function snapshotOf(json: string): SnapshotReader {
  const snapshot = { seq: 7, epoch: 'abcdef01', bytes: json.length, pieces: [Buffer.from(json)] };
  return new SnapshotReader(snapshot, { isShared: false, onRelease: () => {} });
}

function readWhole(frame: SnapshotFrame, most: number): string {
  let text = '';
  for (let parts = frame.next(most); parts; parts = frame.next(most)) text += Buffer.concat(parts);
  return text;
}
