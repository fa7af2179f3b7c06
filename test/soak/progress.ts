// One line that says how it goes: rewritten in place on a terminal, a new one each time elsewhere.

const INTERVAL_MS = 10_000;
const INTERVAL_ON_TERMINAL_MS = 1000;

/** @returns what ends it */
export function showProgress(line: () => string): () => void {
  const { stdout } = process;
  const show = () => {
    if (stdout.isTTY) stdout.write(`\r\x1b[2K${line().slice(0, stdout.columns - 1)}`);
    else console.log(line());
  };
  const timer = setInterval(show, stdout.isTTY ? INTERVAL_ON_TERMINAL_MS : INTERVAL_MS);
  return () => {
    clearInterval(timer);
    if (stdout.isTTY) stdout.write('\r\x1b[2K');
  };
}
