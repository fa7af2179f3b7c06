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
  properties?: Record<string, JsonSchema>;
  required?: string[];
  additionalProperties?: boolean | JsonSchema;
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
}

export interface Parameter {
  name: string;
  in: 'path' | 'query' | 'header';
  required?: boolean;
  schema?: JsonSchema;
}

interface DocumentedOperation {
  parameters?: Parameter[];
  requestBody?: { content: Record<string, Media> };
  responses: Record<string, { content?: Record<string, Media> }>;
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
  info: { description: string };
  paths: Record<string, Record<string, DocumentedOperation>>;
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
    const rows = document.info.description.matchAll(/^\| `(TB_\w+)` \| (\d{3}) \|/gm);
    this.codes = new Map([...rows].map(([, code = '', status]) => [code, Number(status)]));
    this.#ajv = new Ajv2020({ allErrors: false, strict: false });
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
    if (schema.$ref === undefined) return schema;
    const steps = schema.$ref.slice(2).split('/');
    const found = steps.reduce<unknown>((value, step) => (value as Record<string, unknown>)[step], this.#document);
    return this.resolve(found as JsonSchema);
  }

  /** Whether the document allows this body of a request. */
  allowsBody({ path, method }: Operation, value: unknown): boolean {
    const [type = ''] = Object.keys(this.#document.paths[path]?.[method.toLowerCase()]?.requestBody?.content ?? {});
    return (
      this.#fits(['open', path, method.toLowerCase(), 'requestBody', 'content', type, 'schema'], value).length === 0
    );
  }

  /** @returns what is wrong with an answer that the document knows the status of */
  answerFaults({ path, method, responses }: Operation, status: number, type: string, body: unknown): string[] {
    const content = responses[status]?.content;
    if (!content) return body === undefined ? [] : ['a body where the document has none'];
    if (!content[type]) return [`the media type ${type || 'none'}`];
    if (type === 'text/event-stream') return [];
    return this.#fits(
      ['closed', path, method.toLowerCase(), 'responses', `${status}`, 'content', type, 'schema'],
      body,
    );
  }

  #fits([root = '', ...place]: string[], value: unknown): string[] {
    const steps = ['paths', ...place].map((step) => step.replaceAll('~', '~0').replaceAll('/', '~1'));
    const reference = `${root}#/${steps.map(encodeURIComponent).join('/')}`;
    const validate = this.#compiled.get(reference) ?? this.#ajv.compile({ $ref: reference });
    this.#compiled.set(reference, validate);
    return validate(value)
      ? []
      : (validate.errors ?? []).map(({ instancePath, message }) => `${instancePath} ${message}`);
  }
}

function closed(document: OpenApi): OpenApi {
  const copy = structuredClone(document);
  const close = (value: unknown): void => {
    if (typeof value !== 'object' || value === null) return;
    const schema = value as JsonSchema;
    if (schema.type === 'object' && schema.properties) schema.additionalProperties ??= false;
    for (const member of Object.values(value)) close(member);
  };
  close(copy);
  return copy;
}
