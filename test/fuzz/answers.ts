// Reads answers from the bytes of a connection: by the letter of HTTP, because the requests are not.

export interface Answer {
  status: number;
  headers: ReadonlyMap<string, string>;
  /** Of a stream: its first frames. */
  body: Buffer;
  isStream: boolean;
}

interface Read<T> {
  value: T;
  rest: Buffer;
}

/**
 * @param methods of the requests, in order: an answer to HEAD has no body
 * @param isOver no more bytes will come: a body without a length ends here
 * @returns the answers that are complete, a stream as soon as it has its first frame; nothing comes behind one
 * @throws Error when the bytes are no answer of HTTP
 */
export function readAnswers(bytes: Buffer, methods: readonly string[], isOver: boolean): Answer[] {
  const answers: Answer[] = [];
  let rest = bytes;
  while (rest.length > 0) {
    const next = readAnswer(rest, methods[answers.length] ?? 'GET', isOver);
    if (!next) break;
    rest = next.rest;
    if (next.value.status >= 200) answers.push(next.value);
    if (next.value.isStream) break;
  }
  return answers;
}

function readAnswer(bytes: Buffer, method: string, isOver: boolean): Read<Answer> | undefined {
  const end = bytes.indexOf('\r\n\r\n');
  if (end < 0) {
    if (isOver || bytes.length > 65_536) throw new Error(`no head of an answer: ${bytes.toString('latin1', 0, 80)}`);
    return undefined;
  }
  const [first = '', ...lines] = bytes.toString('latin1', 0, end).split('\r\n');
  const [, status] = /^HTTP\/1\.1 (\d{3}) /.exec(first) ?? [];
  if (status === undefined) throw new Error(`no answer: ${first.slice(0, 80)}`);
  const headers = new Map(
    lines.map((line) => [line.slice(0, line.indexOf(':')).toLowerCase(), line.slice(line.indexOf(':') + 1).trim()]),
  );
  const rest = bytes.subarray(end + 4);
  const isStream = headers.get('content-type')?.startsWith('text/event-stream') ?? false;
  const answer = { status: Number(status), headers, isStream };
  if (isStream) {
    const isThere = rest.includes('\n\n') || isOver;
    return isThere ? { value: { ...answer, body: rest }, rest: Buffer.alloc(0) } : undefined;
  }
  const hasBody =
    method.toUpperCase() !== 'HEAD' && answer.status >= 200 && answer.status !== 204 && answer.status !== 304;
  const body = hasBody ? readBody(rest, headers, isOver) : { value: Buffer.alloc(0), rest };
  return body && { value: { ...answer, body: body.value }, rest: body.rest };
}

function readBody(bytes: Buffer, headers: ReadonlyMap<string, string>, isOver: boolean): Read<Buffer> | undefined {
  if (headers.get('transfer-encoding') === 'chunked') return readChunks(bytes);
  const length = headers.get('content-length');
  if (length === undefined) return isOver ? { value: bytes, rest: Buffer.alloc(0) } : undefined;
  if (bytes.length < Number(length)) return undefined;
  return { value: bytes.subarray(0, Number(length)), rest: bytes.subarray(Number(length)) };
}

function readChunks(bytes: Buffer): Read<Buffer> | undefined {
  const parts: Buffer[] = [];
  let at = 0;
  for (;;) {
    const end = bytes.indexOf('\r\n', at);
    if (end < 0) return undefined;
    const size = Number.parseInt(bytes.toString('latin1', at, end), 16);
    if (Number.isNaN(size)) throw new Error('a chunk without a size');
    const next = end + 2 + size + 2;
    if (bytes.length < next) return undefined;
    if (size === 0) return { value: Buffer.concat(parts), rest: bytes.subarray(next) };
    parts.push(bytes.subarray(end + 2, end + 2 + size));
    at = next;
  }
}
