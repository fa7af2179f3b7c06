// An id for what a page makes. The client has the same in its one file, which is full to the byte.

/** @returns a UUID, also without TLS, where `crypto.randomUUID` is missing: the name of a blob ends with one */
export function newId(): string {
  const name = URL.createObjectURL(new Blob([]));
  URL.revokeObjectURL(name);
  return name.slice(-36);
}
