// What a node promises in /openapi.json: its operations, and whether a body or an answer fits them.

import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';

export interface JsonSchema {
  $ref?: string;
  type?: string | string[];
  enum?: unknown[];
  const?: unknown;
  anyOf?: JsonSchema[];
  oneOf?: JsonSchema[];
  allOf?: JsonSchema[];
  properties?: Record<string, JsonSchema>;
  required?: string[];
  additionalProperties?: boolean | JsonSchema;
  unevaluatedProperties?: boolean;
  items?: JsonSchema;
  minItems?: number;
  maxItems?: number;
  format?: string;
  pattern?: string;
  minLength?: number;
  maxLength?: number;
  minimum?: number;
  maximum?: number;
}

interface Media {
  schema?: JsonSchema;
  example?: unknown;
  examples?: Record<string, { value: Record<string, unknown> }>;
}

export interface Parameter {
  name: string;
  in: 'path' | 'query' | 'header';
  required?: boolean;
  schema?: JsonSchema;
}

export interface DocumentedResponse {
  $ref?: string;
  description?: string;
  headers?: Record<string, { description?: string; required?: boolean; schema: JsonSchema }>;
  content?: Record<string, Media>;
}

export interface DocumentedOperation {
  parameters?: Parameter[];
  requestBody?: { content: Record<string, Media> };
  responses: Record<string, DocumentedResponse>;
}

export interface Operation {
  /** As `GET /boards/{id}`. */
  title: string;
  method: string;
  path: string;
  parameters: Parameter[];
  /** Of its JSON body; undefined when it takes none. */
  body: JsonSchema | undefined;
  responses: DocumentedOperation['responses'];
}

export interface OpenApi {
  paths: Record<string, Record<string, DocumentedOperation>>;
  components: { schemas: Record<string, JsonSchema & { description?: string }> };
}

/** Of an answer, whoever has read it. */
export interface ReadAnswer {
  status: number;
  headers: { get(name: string): string | null | undefined };
  /** Parsed when it is JSON; undefined when there is none. */
  body: unknown;
}

/** Schemas of what is answered are closed: a field that the document does not know is a fault. */
export class ApiDocument {
  readonly operations: Operation[];
  /** The status of each error code. */
  readonly codes: ReadonlyMap<string, number>;
  readonly #document: OpenApi;
  readonly #ajv: Ajv2020;
  readonly #compiled = new Map<string, ValidateFunction>();

  constructor(document: OpenApi) {
    this.#document = document;
    this.operations = Object.entries(document.paths).flatMap(([path, methods]) =>
      Object.entries(methods).map(([method, { parameters = [], requestBody, responses }]) => ({
        ...{ title: `${method.toUpperCase()} ${path}`, method: method.toUpperCase(), path, parameters, responses },
        body: Object.values(requestBody?.content ?? {})[0]?.schema,
      })),
    );
    const rows = (document.components.schemas.ProblemCode?.description ?? '').matchAll(
      /^\| `(TB_\w+)` \| (\d{3}) \|/gm,
    );
    this.codes = new Map([...rows].map(([, code = '', status]) => [code, Number(status)]));
    this.#ajv = new Ajv2020({ allErrors: false, strict: false, formats: { 'fractional-index': true } });
    addFormats.default(this.#ajv as never);
    this.#ajv.addSchema(document, 'open');
    this.#ajv.addSchema(closed(document), 'closed');
  }

  /** @returns the methods of a path template */
  methodsOf(path: string): string[] {
    return Object.keys(this.#document.paths[path] ?? {}).map((method) => method.toUpperCase());
  }

  /** @returns the schema that a reference leads to, or the schema itself */
  resolve(schema: JsonSchema): JsonSchema {
    return schema.$ref === undefined ? schema : this.resolve(this.#at(schema.$ref) as JsonSchema);
  }

  /** Whether the document allows this body of a request. */
  allowsBody({ path, method }: Operation, value: unknown): boolean {
    const content = pointer('paths', path, method.toLowerCase(), 'requestBody', 'content');
    const [type = ''] = Object.keys((this.#at(content) as object | undefined) ?? {});
    return this.#faults('open', `${content}${pointer(type, 'schema').slice(1)}`, value).length === 0;
  }

  /** Whether the document knows an answer with this status, itself or by its range. */
  knowsStatus(operation: Operation, status: number): boolean {
    return this.#placeOf(operation, status) !== undefined;
  }

  /** @returns what is wrong with an answer: its status, its header fields, its media type or its body */
  answerFaults(operation: Operation, { status, headers, body }: ReadAnswer): string[] {
    const place = this.#placeOf(operation, status);
    if (place === undefined) return [`the status ${status} is not in the document`];
    const { content, headers: fields = {} } = this.#at(place) as DocumentedResponse;
    const faults = Object.entries(fields).flatMap(([name, { required, schema }]) => {
      const value = headers.get(name.toLowerCase()) ?? undefined;
      if (value === undefined) return required ? [`the field ${name} is missing`] : [];
      const at = `${place}${pointer('headers', name, 'schema').slice(1)}`;
      return this.#faults('closed', at, schema.type === 'integer' ? Number(value) : value);
    });
    if (headers.get('set-cookie') && !('Set-Cookie' in fields)) faults.push('a Set-Cookie where the document has none');
    if (!content) return body === undefined ? faults : [...faults, 'a body where the document has none'];
    const type = headers.get('content-type')?.split(';')[0] ?? '';
    if (!content[type]) return [...faults, `the media type ${type || 'none'}`];
    return [...faults, ...this.#faults('closed', `${place}${pointer('content', type, 'schema').slice(1)}`, body)];
  }

  /** @returns what is wrong with a value of the schema that has a name */
  componentFaults(name: string, value: unknown): string[] {
    return this.#faults('closed', pointer('components', 'schemas', name), value);
  }

  #placeOf({ path, method, responses }: Operation, status: number): string | undefined {
    const key = [`${status}`, `${Math.floor(status / 100)}XX`].find((each) => each in responses);
    return key && (responses[key]?.$ref ?? pointer('paths', path, method.toLowerCase(), 'responses', key));
  }

  #at(reference: string): unknown {
    const steps = reference.split('/').slice(1);
    return steps.reduce<unknown>((value, step) => {
      const name = decodeURIComponent(step).replaceAll('~1', '/').replaceAll('~0', '~');
      return (value as Record<string, unknown> | undefined)?.[name];
    }, this.#document);
  }

  #faults(root: 'open' | 'closed', reference: string, value: unknown): string[] {
    const validate = this.#compiled.get(root + reference) ?? this.#ajv.compile({ $ref: root + reference });
    this.#compiled.set(root + reference, validate);
    return validate(value)
      ? []
      : (validate.errors ?? []).map(({ instancePath, message, params }) =>
          `${instancePath} ${message} ${JSON.stringify(params)}`.trim(),
        );
  }
}

/** A JSON pointer as a fragment of a URI. */
function pointer(...steps: string[]): string {
  const escaped = steps.map((step) => encodeURIComponent(step.replaceAll('~', '~0').replaceAll('/', '~1')));
  return `#/${escaped.join('/')}`;
}

/** Where schemas are put together by `allOf`, only the whole of them knows all fields. */
function closed(document: OpenApi): OpenApi {
  const copy = structuredClone(document);
  const parts = new Set<unknown>();
  const collect = ({ allOf = [] }: JsonSchema) => {
    for (const part of allOf) {
      parts.add(part);
      const [, name = ''] = /^#\/components\/schemas\/(\w+)$/.exec(part.$ref ?? '') ?? [];
      parts.add(copy.components.schemas[name]);
    }
  };
  walk(copy, collect);
  walk(copy, (schema) => {
    if (schema.allOf) schema.unevaluatedProperties = false;
    else if (schema.type === 'object' && schema.properties && !parts.has(schema)) schema.additionalProperties ??= false;
  });
  return copy;
}

/** Calls `visit` for each object in a document. */
export function walk(value: unknown, visit: (value: JsonSchema) => void): void {
  if (typeof value !== 'object' || value === null) return;
  if (!Array.isArray(value)) visit(value);
  for (const member of Object.values(value)) walk(member, visit);
}
