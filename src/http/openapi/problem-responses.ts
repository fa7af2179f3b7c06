// The error responses of the document, from the table of problems.

import { type ProblemCode, problemCodes, problems } from '../../problems/problem-codes.ts';

/** What any request can be answered whose HTTP is wrong, whatever it asks for. */
const codesOfHttp: ProblemCode[] = [
  'TB_INVALID',
  'TB_TIMEOUT',
  'TB_TOO_LARGE',
  'TB_UNSUPPORTED_MEDIA_TYPE',
  'TB_EXPECTATION_FAILED',
  'TB_HEADERS_TOO_LARGE',
];

const fields = {
  'WWW-Authenticate': { description: 'How to say who is calling (RFC 9110, 11.6.1).', schema: { type: 'string' } },
  'Retry-After': {
    description: 'Seconds to wait before it may be sent again.',
    schema: { type: 'integer', minimum: 1 },
  },
  RateLimit: { description: 'Which limit was met, what is left of it, and until when.', schema: { type: 'string' } },
  'RateLimit-Policy': { description: 'How many in how many seconds.', schema: { type: 'string' } },
} as const;
type Field = keyof typeof fields;

const fieldsOfStatus: Record<number, Field[]> = {
  401: ['WWW-Authenticate'],
  429: ['Retry-After'],
  503: ['Retry-After'],
};
const fieldsOfCode: { [code in ProblemCode]?: Field[] } = {
  TB_TOO_MANY_WRITES: ['RateLimit', 'RateLimit-Policy'],
  TB_TOO_MANY_BROADCASTS: ['RateLimit', 'RateLimit-Policy'],
};

export interface ResponseObject {
  $ref?: string;
  description?: string;
  headers?: Record<string, { description?: string; required?: boolean; schema: object }>;
  content?: Record<string, { schema: object; examples?: Record<string, { value: object }> }>;
}

/** Of every operation, besides its own: {@link commonResponses}. */
export const commonReferences: Record<string, ResponseObject> = {
  '4XX': { $ref: '#/components/responses/BadHttp' },
  '500': { $ref: '#/components/responses/ServerFault' },
};
export const commonResponses: Record<string, ResponseObject> = {
  BadHttp: { ...problemResponse(codesOfHttp), description: 'What came is no request that is read here.' },
  ServerFault: problemResponse(['TB_INTERNAL']),
};

/** @returns the responses for these problems, and how they are named in the document, by their status */
export function problemResponses(
  codes: readonly ProblemCode[],
): Record<string, { name: string; response: ResponseObject }> {
  const byStatus = new Map<number, ProblemCode[]>();
  // In the order of the table, each once.
  for (const code of problemCodes.filter((each) => codes.includes(each))) {
    const { status } = problems[code];
    byStatus.set(status, [...(byStatus.get(status) ?? []), code]);
  }
  return Object.fromEntries(
    [...byStatus].map(([status, some]) => [status, { name: nameOf(some), response: problemResponse(some) }]),
  );
}

/** As `NotFound`, `LimitReachedOrEmailTaken`. */
function nameOf(codes: ProblemCode[]): string {
  const words = codes.map((code) =>
    code
      .toLowerCase()
      .replace('tb', '')
      .replaceAll(/_(.)/g, (_, first) => first.toUpperCase()),
  );
  return words.join('Or');
}

function problemResponse(codes: ProblemCode[]): ResponseObject {
  const statuses = [...new Set(codes.map((code) => problems[code].status))];
  const narrowed = {
    type: 'object',
    required: ['code', 'status'],
    properties: { code: { type: 'string', enum: codes }, status: { type: 'integer', enum: statuses } },
  };
  return {
    description: codes.map((code) => `\`${code}\`: ${problems[code].title}.`).join('\n\n'),
    headers: headersOf(codes),
    content: {
      'application/problem+json': {
        schema: { allOf: [{ $ref: '#/components/schemas/Problem' }, narrowed] },
        examples: Object.fromEntries(codes.map((code) => [code, { value: problemExample(code) }])),
      },
    },
  };
}

/** A field is required when it comes with each of the codes. */
function headersOf(codes: ProblemCode[]): Required<ResponseObject>['headers'] {
  const ofEach = codes.map((code) => [...(fieldsOfStatus[problems[code].status] ?? []), ...(fieldsOfCode[code] ?? [])]);
  const names = [...new Set(ofEach.flat())];
  return Object.fromEntries(
    names.map((name) => [name, { ...fields[name], required: ofEach.every((some) => some.includes(name)) }]),
  );
}

/** @returns the body of an answer */
export function problemExample(code: ProblemCode): object {
  const { status, title, advice } = problems[code];
  const type = `urn:teamboard:error:${code}`;
  if (code !== 'TB_INVALID') return { type, title, status, detail: advice, code };
  return { type, title, status, detail: '/name is missing', code, errors: [{ path: '/name', message: 'is missing' }] };
}
