// Many writes of items in one request: its form, and what no schema can say about it.

import { type Static, Type } from 'typebox';
import { FAULT, oneOf, Uuid, uuidInput } from '../http/schemas.ts';
import { type InputFault, invalidInput } from '../problems/problem.ts';
import { ItemPatch, NewItemFields } from './board.ts';
import { MAX_VERSION } from './if-match.ts';
import { checkDataPatch, checkNewData } from './item-data.ts';
import { ID_FAULT, isForgottenId, newItemId } from './item-id.ts';

export const MAX_OPERATIONS = 500;
/** A batch counts as so much of a write for each of its operations, and as one at least. */
const WRITES_PER_OPERATION = 0.1;

const Operation = Type.Object(
  {
    op: oneOf(['create', 'update', 'delete']),
    id: Type.Optional({
      ...uuidInput('Of the item. For `create` it may be one that the client has made: see `POST /boards/:id/items`.'),
      [FAULT]: ID_FAULT,
    }),
    ifMatch: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: MAX_VERSION,
        description: 'For `update` and `delete`: the version that the item must have.',
      }),
    ),
    item: Type.Optional(
      Type.Object(ItemPatch.properties, {
        additionalProperties: false,
        description: 'For `create`, the new item, with at least its `text`; for `update`, a merge patch.',
      }),
    ),
  },
  { additionalProperties: false },
);
export type Operation = Static<typeof Operation>;

/** Body of `POST /boards/:id/batch`. */
export const Batch = Type.Object(
  { operations: Type.Array(Operation, { minItems: 1, maxItems: MAX_OPERATIONS }) },
  { additionalProperties: false },
);

const changes = { id: uuidInput('Of the item.'), ifMatch: Operation.properties.ifMatch };
/** The same, as {@link checkOperations} takes it: with what belongs to each `op`, which a generated client can tell apart. */
const variants = {
  create: { id: Type.Optional(newItemId), item: NewItemFields },
  update: { ...changes, item: ItemPatch },
  delete: changes,
};
const variantName = (op: string) => `${op.slice(0, 1).toUpperCase()}${op.slice(1)}Operation`;

/** The named schemas of the variants. */
export const batchSchemas = Object.entries(variants).map(([op, properties]) =>
  Type.Object({ op: Type.Literal(op), ...properties }, { $id: variantName(op), additionalProperties: false }),
);

/** {@link Batch} as the document has it. One validator for all three says better what is wrong with an operation. */
export const DocumentedBatch = Type.Object(
  {
    operations: Type.Array(
      Type.Union(
        Object.keys(variants).map((op) => Type.Ref(variantName(op))),
        {
          discriminator: {
            propertyName: 'op',
            mapping: Object.fromEntries(
              Object.keys(variants).map((op) => [op, `#/components/schemas/${variantName(op)}`]),
            ),
          },
        },
      ),
      { minItems: 1, maxItems: MAX_OPERATIONS },
    ),
  },
  { additionalProperties: false, examples: [{ operations: [{ op: 'create', item: { text: 'Milk' } }] }] },
);

/** @returns how many writes of its user it counts as */
export function weighBatch(body: unknown): number {
  return (body as Static<typeof Batch>).operations.length * WRITES_PER_OPERATION;
}

export const BatchResult = Type.Object({
  id: Uuid,
  item: Type.Union([Type.Ref('Item'), Type.Null()], { description: 'null when it was deleted.' }),
});
export type BatchResult = Static<typeof BatchResult>;

/** @throws Problem TB_INVALID that names each fault by its place */
export function checkOperations(operations: Operation[]): void {
  const faults = [...operations.flatMap(findFaults), ...findRepeats(operations)];
  if (faults.length > 0) throw invalidInput(faults);
  for (const [index, { op, item = {} }] of operations.entries()) {
    const check = op === 'create' ? checkNewData : checkDataPatch;
    check(item, `/operations/${index}/item`);
  }
}

function findFaults({ op, id, ifMatch, item }: Operation, index: number): InputFault[] {
  const at = `/operations/${index}`;
  const stray = (field: string) => ({ path: `${at}/${field}`, message: `does not belong to ${op}` });
  const missing = (field: string) => ({ path: `${at}/${field}`, message: 'is missing' });
  const faults: InputFault[] = [];
  if (op === 'create') {
    if (id !== undefined && isForgottenId(id)) faults.push({ path: `${at}/id`, message: ID_FAULT });
    if (ifMatch !== undefined) faults.push(stray('ifMatch'));
    if (item?.text === undefined) faults.push(missing(item ? 'item/text' : 'item'));
    return faults;
  }
  if (id === undefined) faults.push(missing('id'));
  if (op === 'delete' && item) faults.push(stray('item'));
  if (op === 'update' && !item) faults.push(missing('item'));
  if (op === 'update' && item && Object.keys(item).length === 0) {
    faults.push({ path: `${at}/item`, message: 'must name a field' });
  }
  return faults;
}

/** One statement changes a row once; and what two changes of one item in one instant mean, nobody should have to guess. */
function findRepeats(operations: Operation[]): InputFault[] {
  const first = new Map<string, number>();
  return operations.flatMap(({ id }, index) => {
    if (id === undefined) return [];
    const before = first.get(id);
    if (before === undefined) first.set(id, index);
    else return [{ path: `/operations/${index}/id`, message: `is the item of /operations/${before} too` }];
    return [];
  });
}
