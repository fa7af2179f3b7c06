// An answer of another server, in a bounded time and of bounded size.

export interface FetchTextOptions {
  /** Sent beside what `fetch` sends by itself. */
  headers: Record<string, string>;
  /** How long the whole of the answer may take. */
  answerMs: number;
  maxBytes: number;
}

/**
 * Goes nowhere else: what was configured is what is believed, and nobody whom it names.
 *
 * @returns an empty text with any status but 200
 * @throws Error when there is no answer in time, or one that is too large
 */
export async function fetchText(
  address: URL,
  { headers, answerMs, maxBytes }: FetchTextOptions,
): Promise<{ status: number; text: string }> {
  const response = await fetch(address, { redirect: 'manual', headers, signal: AbortSignal.timeout(answerMs) });
  const { status } = response;
  if (status !== 200) {
    await response.body?.cancel();
    return { status, text: '' };
  }
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of response.body ?? []) {
    bytes += chunk.length;
    if (bytes > maxBytes) throw new Error(`the address answers more than ${maxBytes} bytes`);
    chunks.push(chunk);
  }
  return { status, text: Buffer.concat(chunks).toString('utf8') };
}

/** @returns why a question failed: `fetch` itself says no more than that it did */
export function fetchFailure(error: unknown): string {
  const { message, cause } = error as Error;
  return cause instanceof Error ? `${message}: ${cause.message}` : message;
}
