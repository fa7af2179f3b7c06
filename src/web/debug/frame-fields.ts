// The fields of one frame, as text (WHATWG HTML, 9.2.6), of those that this server writes.

export interface FrameFields {
  event: string;
  /** Parsed. */
  data: Record<string, unknown>;
  id: string | undefined;
  retryMs: number | undefined;
}

/** @param text without the empty line at its end */
export function fieldsOf(text: string): FrameFields {
  const fields = new Map(
    text.split('\n').map((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 1).trimStart()]),
  );
  const retry = fields.get('retry');
  return {
    event: fields.get('event') ?? 'message',
    data: JSON.parse(fields.get('data') ?? '{}') as Record<string, unknown>,
    id: fields.get('id'),
    retryMs: retry === undefined ? undefined : Number(retry),
  };
}
