// Broadcasts as they travel between the nodes: several of one board in the payload of one notification.

import { Ajv } from 'ajv';
import { type Static, Type } from 'typebox';
import { type Broadcast, NAME_PATTERN } from './broadcast.ts';

/** More go into the next payload. A single one may be larger, up to what PostgreSQL takes. */
const FULL_BYTES = 7.5 * 1024;

/** Without the names of the fields, which would be half of a cursor's bytes. */
const Entry = Type.Tuple([
  Type.String({ pattern: NAME_PATTERN }),
  Type.Unknown(),
  Type.String({ maxLength: 64 }),
  Type.String(),
  Type.Union([Type.String({ maxLength: 64 }), Type.Null()]),
  Type.String({ pattern: '^\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\d\\.\\d{3}Z$' }),
]);
// Not TypeBox's own compiler, which is 300 modules that nothing else here needs. The schema is ours: nothing checks it.
const isEntry = new Ajv({ meta: false, validateSchema: false }).compile<Static<typeof Entry>>(Entry);

export function encodeEntry({ name, data, from: { user, streamId }, at }: Broadcast): string {
  return JSON.stringify([name, data, user.id, user.name, streamId ?? null, at]);
}

/** @param entries as {@link encodeEntry} makes them. @returns as few payloads as hold them, in their order */
export function packPayloads(entries: string[]): string[] {
  const payloads: string[] = [];
  let fitting: string[] = [];
  let bytes = 0;
  for (const entry of entries) {
    const entryBytes = Buffer.byteLength(entry) + 1;
    if (fitting.length > 0 && bytes + entryBytes >= FULL_BYTES) {
      payloads.push(`[${fitting.join()}]`);
      fitting = [];
      bytes = 0;
    }
    fitting.push(entry);
    bytes += entryBytes;
  }
  if (fitting.length > 0) payloads.push(`[${fitting.join()}]`);
  return payloads;
}

/** @param payload of anyone: every role of the database may NOTIFY. @returns what of it is a broadcast, and no error */
export function parsePayload(payload: string): Broadcast[] {
  let entries: unknown;
  try {
    entries = JSON.parse(payload);
  } catch {
    return [];
  }
  if (!Array.isArray(entries)) return [];
  return entries.flatMap((entry: unknown) => {
    if (!isEntry(entry)) return [];
    const [name, data, id, userName, streamId, at] = entry;
    const from = { user: { id, name: userName }, ...(streamId !== null && { streamId }) };
    return [{ name, data, from, at }];
  });
}
