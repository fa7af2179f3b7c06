// How every write of a board is done: one statement, its own transaction, and a wake-up after its commit.

import type { FastifyRequest } from 'fastify';
import type { Pool } from 'pg';
import { Type } from 'typebox';

export interface Writer {
  userId: string;
  /** Becomes the `mutationId` of the events that the write causes. */
  mutationId: string | undefined;
}

export interface WriteStatement {
  /** Of the prepared statement. */
  name: string;
  /**
   * $1 is the writer, $3 the board; the statement's own values begin at $4. It must select from `context`, because
   * PostgreSQL does not run a WITH query that nothing reads.
   */
  text: string;
  values: unknown[];
}

/** @returns the rows that the statement returns, each for a row that it wrote */
export type WriteBoard = <Row>(writer: Writer, boardId: string, statement: WriteStatement) => Promise<Row[]>;

/** @param wake tells the other readers of the board's log; called after the commit of each change */
export function createWriteBoard(pool: Pool, wake: (boardId: string) => void): WriteBoard {
  return async <Row>({ userId, mutationId }: Writer, boardId: string, { name, text, values }: WriteStatement) => {
    const { rows } = await pool.query({
      name,
      // Sets, for this transaction only, who acts and that this node notifies after the commit.
      text: `with context as materialized (select begin_write($1::uuid, $2)) ${text}`,
      values: [userId, mutationId, boardId, ...values],
    });
    if (rows.length > 0) wake(boardId);
    return rows as Row[];
  };
}

/** The header fields that every write takes. */
export const writerHeaders = Type.Object({
  'idempotency-key': Type.Optional(
    Type.String({
      minLength: 1,
      maxLength: 64,
      pattern: '^[\\x21-\\x7e]+$',
      description: 'Names this write: the `mutationId` of the events that it causes.',
    }),
  ),
});

export function writerOf(request: FastifyRequest): Writer {
  const key = request.headers['idempotency-key'];
  return { userId: request.session.user.id, mutationId: typeof key === 'string' ? key : undefined };
}
