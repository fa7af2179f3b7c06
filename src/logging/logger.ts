// What every part that works in the background needs of a logger: pino's two calls, an object first.

export interface Logger {
  info(details: object, message: string): void;
  warn(details: object, message: string): void;
}
