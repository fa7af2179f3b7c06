// The process's logger: JSON lines, readable when the output is a terminal.

import { type Logger, pino } from 'pino';

const redacted = ['req.headers.cookie', 'req.headers.authorization'];

export function createLogger(level: string, isTerminal: boolean): Logger {
  return pino({
    level,
    redact: redacted,
    ...(isTerminal && {
      transport: { target: 'pino-pretty', options: { ignore: 'pid,hostname', translateTime: 'SYS:HH:MM:ss.l' } },
    }),
  });
}
