// What a start prints when the node listens.

export interface Welcome {
  /** Where it listens, without a slash at the end. */
  address: string;
  /** Where browsers reach it; undefined: there. */
  publicUrl: string | undefined;
  /** To somebody at a keyboard, and not to a log that is kept. */
  isFirstTry: boolean;
}

export function welcome({ address, publicUrl, isFirstTry }: Welcome): string {
  const known = publicUrl ?? address;
  const place = publicUrl === undefined ? address : `${address}, which browsers reach as ${publicUrl}`;
  const listens = `Teamboard listens on ${place}, its API is described at ${known}/docs.`;
  return isFirstTry ? `\n${listens} To try it:\n\n${curlSession(address)}\n` : `${listens}\n`;
}

/** The first three lines that a new user can try. */
export function curlSession(address: string): string {
  return [
    `  curl -sc jar --json '{"name":"Ada"}' ${address}/guests`,
    `  board=$(curl -sb jar --json '{"name":"Plans"}' ${address}/boards | grep -oE '[0-9a-f-]{36}' | head -1)`,
    `  curl -sNb jar ${address}/boards/$board/events & sleep 1; curl -sb jar --json '{"text":"Hello"}' ${address}/boards/$board/items`,
    '',
  ].join('\n');
}
