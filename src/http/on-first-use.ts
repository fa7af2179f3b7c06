// Puts off what only some requests need. Compiling the schemas of all routes was most of a node's start, and most of
// them are of answers that it never gives.

/** What was made of each schema, by its JSON. */
export type Compiled<Input, Output> = Map<string, (input: Input) => Output>;

/**
 * @param compile costly
 * @param compiled what there is already: shared by all nodes of a process, whose schemas are the same
 * @returns the same, but done when its result is first called, and once for equal schemas
 */
export function onFirstUse<Schema, Input, Output>(
  compile: (schema: Schema) => (input: Input) => Output,
  compiled: Compiled<Input, Output>,
): (schema: Schema) => (input: Input) => Output {
  const compileOnce = (schema: Schema) => {
    const key = JSON.stringify(schema);
    const found = compiled.get(key) ?? compile(schema);
    compiled.set(key, found);
    return found;
  };
  return (schema) => {
    let run: ((input: Input) => Output) | undefined;
    return (input) => {
      run ??= compileOnce(schema);
      return run(input);
    };
  };
}
