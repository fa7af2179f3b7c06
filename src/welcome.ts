// The first three lines that a new user can try.

/** @param address where the server listens, without a slash at the end */
export function curlSession(address: string): string {
  return [
    `  curl -sc jar --json '{"name":"Ada"}' ${address}/guests`,
    `  board=$(curl -sb jar --json '{"name":"Plans"}' ${address}/boards | grep -oE '[0-9a-f-]{36}' | head -1)`,
    `  curl -sNb jar ${address}/boards/$board/events & sleep 1; curl -sb jar --json '{"text":"Hello"}' ${address}/boards/$board/items`,
    '',
  ].join('\n');
}
