// Requests of one connection, drawn from the document: what is sent, by whom, and in which bytes.

import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import type { ApiDocument, Operation } from './api-document.ts';
import { fits, hostile, type Json, type Mutation, mutate, mutation } from './bodies.ts';
import { expand, type Names } from './placeholders.ts';

export type Caller = 'owner' | 'viewer' | 'stranger' | 'nobody' | 'token' | 'two cookies' | 'forged';
type Damage = 'bom' | 'invalid utf-8' | 'overlong utf-8' | 'cut' | 'utf-16' | 'gzip' | 'more behind it' | 'empty';
type Framing = 'length' | 'chunked' | 'length and chunked' | 'too long a length' | 'two lengths';

export interface DrawnRequest {
  /** The title of its operation. */
  operation: string;
  /** Another method than the operation's. */
  method: string | undefined;
  caller: Caller;
  /** Of the path, in order. */
  params: string[];
  query: Array<[name: string, value: string]>;
  headers: Array<[name: string, value: string]>;
  body: Json | undefined;
  mutations: Mutation[];
  contentType: string | undefined;
  damage: Damage | undefined;
  framing: Framing;
  host: 'right' | 'none' | 'two' | 'wrong';
  version: '1.1' | '1.0';
}

/** What goes over the wire, and what the judge may take from it. */
export interface WireRequest {
  bytes: Buffer;
  method: string;
  operation: Operation;
  /** No parameter is such that another route may be meant. */
  isPlain: boolean;
  /** Whether the answer may only be a refusal, and why. */
  mustFail: string | undefined;
  /** Nothing but the operation's own answers is to be expected: HTTP itself is kept to. */
  isWellFormed: boolean;
  /** It says that more comes, and nothing does. */
  isCut: boolean;
  /** Of what was sent, JSON or not; undefined when there is no body. */
  body: string | undefined;
}

const methods = [
  'HEAD',
  'PUT',
  'OPTIONS',
  'TRACE',
  'PROPFIND',
  'POST',
  'DELETE',
  'PATCH',
  'GET',
  'get',
  'NONSENSE',
  'CONNECT',
];
const cursors = [
  '«cursor»',
  '«otherCursor»',
  '0',
  'ffffffff-1',
  '00000000-99999999999999999999',
  '-',
  '«long:5000»',
  'ü',
  '',
];
const etags = [
  '"1"',
  '"2"',
  '"0"',
  '*',
  'W/"1"',
  '"1-gzip"',
  'W/"2--br"',
  'W/"«cursor»;gz"',
  '"«otherCursor»", "1"',
  '«long:9000»',
  '"1", "2"',
  '1',
  '""',
  '"99999999999999999999"',
  '"«cursor»"',
  '\t',
  '"a',
];
const accepts = [
  'application/json',
  'text/event-stream',
  '*/*',
  'text/event-stream; charset=utf-8',
  'image/png',
  'text/*',
  '',
];
const types = [
  ...['application/json', 'application/merge-patch+json', 'application/json; charset=utf-8', 'application/JSON'],
  ...['application/json; charset=utf-16', 'application/json; charset=latin1', 'text/plain', 'application/json;', ''],
  ...['multipart/form-data; boundary=x', 'application/x-www-form-urlencoded', 'application/json; charset="utf-8"'],
];
const oddHeaders: Array<[string, string]> = [
  ...[
    ['Content-Encoding', 'gzip'],
    ['Content-Encoding', 'identity'],
    ['Expect', '100-continue'],
    ['Expect', 'nonsense'],
  ],
  ...[
    ['Upgrade', 'websocket'],
    ['Connection', 'upgrade'],
    ['Connection', 'keep-alive'],
    ['TE', 'trailers'],
  ],
  ...[
    ['Origin', 'https://other.example'],
    ['Origin', 'null'],
    ['Sec-Fetch-Site', 'cross-site'],
    ['X', '«long:20000»'],
  ],
  ...[
    ['Sec-Fetch-Site', 'none'],
    ['X-Forwarded-For', '1.2.3.4'],
    ['Range', 'bytes=0-1'],
    ['Bad Name', 'x'],
    ['X', '\u0001'],
  ],
  ...[
    ['Authorization', 'Bearer x'],
    ['Authorization', 'Basic eDp4'],
    ['Accept', 'text/event-stream'],
    ['Trailer', 'X'],
  ],
] as Array<[string, string]>;
const oddParams = [
  ...[
    '«upper:board»',
    '«upper:item»',
    'urn:uuid:«board»',
    '{«board»}',
    '~key',
    '~',
    '~«long:200»',
    '%7ekey',
    '«otherItem»',
  ],
  ...[
    '«fresh:9»',
    '«board»#',
    '«board»%23',
    '%2e%2e',
    '..',
    '.',
    '',
    '%00',
    '%',
    '%f',
    '%ff',
    '%c0%80',
    '«long:20000»',
  ],
  ...[
    '«board»%20',
    '«board»/',
    '«board»;a=b',
    '«board»?',
    'null',
    '__proto__',
    'constructor',
    '%F0%9F%98%80',
    '«board»%0a',
  ],
];

/** Weighted so that most requests are what a client would send, but for one thing. */
const rarely = <T>(arbitrary: fc.Arbitrary<T>, otherwise: T, oneIn = 10) =>
  fc.oneof({ weight: oneIn - 1, arbitrary: fc.constant(otherwise) }, { weight: 1, arbitrary });

/** @returns requests that are sent at once over one connection; mostly it is one */
export function drawConnection(document: ApiDocument): fc.Arbitrary<DrawnRequest[]> {
  const one = fc.oneof(...document.operations.map((operation) => drawRequest(document, operation)));
  return fc.oneof(
    { weight: 19, arbitrary: fc.tuple(one) },
    { weight: 1, arbitrary: fc.array(one, { minLength: 2, maxLength: 4 }) },
  );
}

function drawRequest(document: ApiDocument, operation: Operation): fc.Arbitrary<DrawnRequest> {
  const { title, path, body } = operation;
  const usual = [...path.matchAll(/\{(\w+)\}/g)].map(([, name = '']) => usualParam(path, name));
  const hasBody = body !== undefined;
  return fc.record({
    operation: fc.constant(title),
    method: rarely<string | undefined>(fc.constantFrom(...methods), undefined, 25),
    caller: fc.oneof(
      { weight: 6, arbitrary: fc.constant<Caller>('owner') },
      {
        weight: 4,
        arbitrary: fc.constantFrom<Caller>('viewer', 'stranger', 'nobody', 'token', 'two cookies', 'forged'),
      },
    ),
    params: fc.tuple(...usual.map((param) => rarely(fc.constantFrom(...oddParams), param))),
    query: drawQuery(operation),
    headers: drawHeaders(operation),
    body: hasBody
      ? fc.oneof({ weight: 9, arbitrary: fits(document, body) }, { weight: 1, arbitrary: hostile })
      : rarely<Json | undefined>(hostile, undefined, 20),
    mutations: fc.oneof(
      { weight: 2, arbitrary: fc.constant<Mutation[]>([]) },
      { weight: 3, arbitrary: fc.array(mutation, { minLength: 1, maxLength: 3 }) },
    ),
    contentType: rarely<string | undefined>(fc.constantFrom(...types, undefined), 'application/json'),
    damage: rarely<Damage | undefined>(
      fc.constantFrom('bom', 'invalid utf-8', 'overlong utf-8', 'cut', 'utf-16', 'gzip', 'more behind it', 'empty'),
      undefined,
      20,
    ),
    framing: rarely<Framing>(
      fc.constantFrom('chunked', 'length and chunked', 'too long a length', 'two lengths'),
      'length',
      20,
    ),
    host: rarely<DrawnRequest['host']>(fc.constantFrom('none', 'two', 'wrong'), 'right', 40),
    version: rarely<DrawnRequest['version']>(fc.constant('1.0'), '1.1', 40),
  });
}

function usualParam(path: string, name: string): string {
  if (path.startsWith('/tokens/')) return '«tokenId»';
  const known: Record<string, string> = {
    itemId: '«item»',
    userId: '«viewer»',
    inviteId: '«inviteId»',
    webhookId: '«webhookId»',
    token: '«invite»',
  };
  return known[name] ?? '«board»';
}

function drawQuery({ parameters }: Operation): fc.Arbitrary<Array<[string, string]>> {
  const own = parameters.filter(({ in: place }) => place === 'query').map(({ name }) => name);
  const names = fc.constantFrom(...own, ...own, ...own, 'unknown', '__proto__', 'ticket', 'a[]', 'limit');
  const values = fc.constantFrom(
    ...[
      '1',
      '0',
      '-1',
      '1e9',
      '999999999999999999999',
      'true',
      'false',
      '',
      '%00',
      '%',
      '%ff',
      '«board»',
      '«upper:item»',
    ],
    ...['a&b', '«long:9000»', 'urn:uuid:«item»', '2020-01-01T00:00:00.000Z', '«ticket»', ...cursors],
  );
  const pairs = fc.array(fc.tuple(names, values), { minLength: 1, maxLength: 3 });
  return own.length > 0
    ? rarely<Array<[string, string]>>(pairs, [], 2)
    : rarely<Array<[string, string]>>(pairs, [], 15);
}

function drawHeaders({ parameters, responses }: Operation): fc.Arbitrary<Array<[string, string]>> {
  const keys = fc.oneof(
    fc.nat(2 ** 31).map((number) => `k${number}`),
    fc.constantFrom('', ' ', '«long:65»', 'a b', 'ü', 'k', '\u007f', '«board»'),
  );
  const known: Record<string, fc.Arbitrary<string>> = {
    'idempotency-key': keys,
    'if-match': fc.constantFrom(...etags),
    'if-none-match': fc.constantFrom(...etags),
    'last-event-id': fc.constantFrom(...cursors),
    'stream-id': fc.constantFrom('«fresh:5»', 'x', '', 'urn:uuid:«board»', '«long:300»', '«upper:board»'),
  };
  const own = parameters.flatMap(({ in: place, name }) => {
    const values = place === 'header' ? known[name.toLowerCase()] : undefined;
    return values ? [values.map((value): [string, string] => [name, value])] : [];
  });
  if (responses[200]?.content?.['text/event-stream']) {
    const accept = fc.constantFrom(...accepts).map((value): [string, string] => ['Accept', value]);
    own.push(accept, accept);
  }
  const odd = fc.constantFrom(...oddHeaders);
  const some = fc.array(fc.oneof(...own, odd), { minLength: 1, maxLength: 2 });
  return own.length > 0 ? rarely<Array<[string, string]>>(some, [], 2) : rarely<Array<[string, string]>>(some, [], 8);
}

/** @param names of the world; `host` and one for each caller are among them @returns the bytes of the request */
export function encode(document: ApiDocument, drawn: DrawnRequest, names: Names): WireRequest {
  const operation = document.operations.find(({ title }) => title === drawn.operation) as Operation;
  const method = drawn.method ?? operation.method;
  let index = 0;
  const path = operation.path.replaceAll(/\{\w+\}/g, () => drawn.params[index++] ?? '');
  const query = drawn.query.map(([name, value]) => `${name}=${value}`).join('&');
  const target = expand(query === '' ? path : `${path}?${query}`, names);
  const text =
    drawn.body === undefined ? undefined : expand(JSON.stringify(mutate(drawn.body, drawn.mutations)), names);
  const body = text === undefined ? undefined : damaged(text, drawn.damage);
  const lines = [
    `${method} ${target} HTTP/${drawn.version}`,
    ...hostLines(drawn.host, names.host ?? ''),
    ...callerLines(drawn.caller, names),
    ...drawn.headers.map(([name, value]) => `${name}: ${expand(value, names)}`),
    ...(body && drawn.contentType !== undefined ? [`Content-Type: ${drawn.contentType}`] : []),
    ...framingLines(drawn.framing, body),
  ];
  const isChunked = body !== undefined && drawn.framing.includes('chunked');
  const framed = body && isChunked ? chunked(body) : (body ?? Buffer.alloc(0));
  const keepsToHttp =
    drawn.host === 'right' &&
    // Whoever is no proxy ends the connection: Node does.
    method !== 'CONNECT' &&
    (body === undefined || drawn.framing === 'length' || drawn.framing === 'chunked') &&
    !drawn.headers.some((header) => oddHeaders.includes(header));
  return {
    bytes: Buffer.concat([Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1'), framed]),
    ...{ method, operation, body: text },
    isPlain: drawn.params.every((param) => /^«(?!long)\w+(:\w+)?»$/.test(param)),
    mustFail: whyRefused(document, operation, drawn, text),
    isWellFormed: keepsToHttp,
    isCut: body !== undefined && (drawn.framing === 'too long a length' || drawn.framing === 'two lengths'),
  };
}

/** What the contract refuses whoever asks, and whatever else is wrong. */
function whyRefused(
  document: ApiDocument,
  operation: Operation,
  { damage, headers, method, contentType, framing }: DrawnRequest,
  text: string | undefined,
): string | undefined {
  if (text === undefined || method !== undefined || !operation.body) return undefined;
  if (damage === 'invalid utf-8' || damage === 'overlong utf-8') return 'a body that is not UTF-8';
  if (headers.some(([name, value]) => name === 'Content-Encoding' && value !== 'identity'))
    return 'a body with a Content-Encoding';
  if (framing === 'length and chunked' || framing === 'two lengths') return 'two lengths of one body';
  if (damage !== undefined || contentType !== 'application/json') return undefined;
  // (A place is a double, and any number is one.)
  const kept = text.replaceAll(/"[xy]":[\d.]+/g, '""');
  if (/[:[,](-?1e500|12345678901234567890|9007199254740993)[,}\]]/.test(kept)) return 'a number that cannot be kept';
  try {
    return document.allowsBody(operation, JSON.parse(text)) ? undefined : 'a body that does not fit its schema';
  } catch {
    return 'a body that is no JSON';
  }
}

function damaged(text: string, damage: Damage | undefined): Buffer {
  const bytes = Buffer.from(text);
  const middle = text.lastIndexOf('"') < 0 ? bytes.length : Buffer.byteLength(text.slice(0, text.lastIndexOf('"')));
  const insert = (...extra: number[]) =>
    Buffer.concat([bytes.subarray(0, middle), Buffer.from(extra), bytes.subarray(middle)]);
  switch (damage) {
    case 'bom':
      return Buffer.concat([Buffer.from('\ufeff'), bytes]);
    case 'invalid utf-8':
      return insert(0xff);
    case 'overlong utf-8':
      return insert(0xc0, 0xaf);
    case 'cut':
      return bytes.subarray(0, bytes.length - 1);
    case 'utf-16':
      return Buffer.from(text, 'utf16le');
    case 'gzip':
      return gzipSync(bytes);
    case 'more behind it':
      return Buffer.concat([bytes, Buffer.from(' {}')]);
    case 'empty':
      return Buffer.alloc(0);
    default:
      return bytes;
  }
}

function hostLines(host: DrawnRequest['host'], right: string): string[] {
  if (host === 'none') return [];
  if (host === 'two') return [`Host: ${right}`, 'Host: other.example'];
  return [`Host: ${host === 'right' ? right : 'a b/<script>'}`];
}

function callerLines(caller: Caller, names: Names): string[] {
  if (caller === 'nobody') return [];
  if (caller === 'token') return [`Authorization: Bearer ${names.secret}`];
  if (caller === 'forged') return ['Cookie: tb_session=AAAA; tb_session=%00; x', 'Cookie: other=1'];
  if (caller === 'two cookies') return [`Cookie: tb_session=old; ${names['owner cookie']}`];
  return [`Cookie: ${names[`${caller} cookie`]}`];
}

function framingLines(framing: Framing, body: Buffer | undefined): string[] {
  if (body === undefined) return [];
  const length = `Content-Length: ${body.length}`;
  const chunks = 'Transfer-Encoding: chunked';
  switch (framing) {
    case 'length':
      return [length];
    case 'chunked':
      return [chunks];
    case 'length and chunked':
      return [length, chunks];
    case 'too long a length':
      return [`Content-Length: ${body.length + 10}`];
    default:
      return [length, `Content-Length: ${body.length + 1}`];
  }
}

function chunked(body: Buffer): Buffer {
  const end = Buffer.from('0\r\n\r\n');
  if (body.length === 0) return end;
  return Buffer.concat([Buffer.from(`${body.length.toString(16)}\r\n`), body, Buffer.from('\r\n'), end]);
}
