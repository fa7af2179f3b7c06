// Why the process does not start with the settings it was given.

/** A setting that is wrong or contradicts another: one line that names it. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
}
