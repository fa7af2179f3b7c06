// What a reader heard last, for whoever reads of a violation.

const KEPT = 10;

export class Notes {
  readonly #lines: string[] = [];

  add(line: string): void {
    this.#lines.push(`${(performance.now() / 1000).toFixed(1)} ${line}`);
    if (this.#lines.length > KEPT) this.#lines.shift();
  }

  get lines(): readonly string[] {
    return this.#lines;
  }
}
