// The process's logger: JSON lines, readable when the output is a terminal.

import { type Logger, pino } from 'pino';
import { prettyFactory } from 'pino-pretty';
import { errorFields } from './error-fields.ts';
import type { LogOutput } from './log-output.ts';

const redacted = ['req.headers.cookie', 'req.headers.authorization'];

export function createLogger(level: string, output: Pick<LogOutput, 'write' | 'onLost'>, isTerminal: boolean): Logger {
  const pretty = prettyFactory({ ignore: 'pid,hostname', translateTime: 'SYS:HH:MM:ss.l', singleLine: true });
  const destination = isTerminal ? { write: (line: string) => output.write(pretty(line)) } : output;
  const log = pino({ level, redact: redacted, serializers: { err: errorFields } }, destination);
  output.onLost = (lines) => log.warn({ lines }, 'lines of this log were lost: nobody took them, or a disk was full');
  return log;
}
