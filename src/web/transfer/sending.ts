// Notes that are sent to a board, as many at a time as the server takes: each once, however often it is tried.

import { inBatches } from '../../client/writes/batches.ts';
import type { BoardWrites, Choice } from '../../client/writes/offered.ts';
import { newId } from '../state/new-id.ts';
import { Failure, type Service } from '../state/service.ts';
import type { Note } from './notes.ts';

/** How often it is told in a row to come back later, before somebody is asked. */
const MOST_WAITS = 30;

/** Of an open board. */
interface Writing {
  readonly edit: Pick<BoardWrites, 'write'>;
  decide(key: string, choice: Choice): void;
}

export interface Sending {
  /** In the order of the notes. */
  readonly ids: readonly string[];
  /**
   * Goes on where it was, when it was called before.
   *
   * @param onProgress called with how many notes have arrived
   * @throws Failure when it does not go on: then it may be called again
   */
  run(onProgress: (arrived: number) => void): Promise<void>;
}

/** To a board that is not open. @param wait for so many milliseconds */
export function createSending(service: Service, boardId: string, notes: readonly Note[], wait = sleep): Sending {
  const keys = new Map<Batch, string>();
  return inTurn(notes, async (operations) => {
    // A repeat with it is answered as the first was, and done once.
    const key = keys.get(operations) ?? newId();
    keys.set(operations, key);
    for (let waits = 0; ; waits += 1) {
      try {
        await service.call('POST', `/boards/${boardId}/batch`, { operations }, key);
        return;
      } catch (error) {
        const isBusy = error instanceof Failure && (error.status === 429 || error.status === 503);
        if (!isBusy || waits >= MOST_WAITS) throw error;
        await wait((error.retryAfterSeconds ?? 1) * 1000);
      }
    }
  });
}

/** To the board that is open, as any other write of it: shown at once, tried until it is answered, and taken back by one undo. */
export function createWriting({ edit, decide }: Writing, notes: readonly Note[]): Sending {
  const gesture = newId();
  return inTurn(notes, async (operations) => {
    const { key, settled } = edit.write(operations, gesture);
    const { status, problem } = await settled;
    if (status === 'done') return;
    // Here it is asked what is to become of it.
    decide(key, 'theirs');
    throw new Failure(problem?.detail ?? 'The server did not take it.', problem?.status ?? 0);
  });
}

type Batch = Array<{ op: 'create'; id: string; item: Note }>;

/** One batch after the other, so that they come to stand in their order. */
function inTurn(notes: readonly Note[], send: (batch: Batch) => Promise<void>): Sending {
  const operations: Batch = notes.map((item) => ({ op: 'create', id: newId(), item }));
  const batches = inBatches(operations);
  let [next, arrived] = [0, 0];
  return {
    ids: operations.map(({ id }) => id),
    async run(onProgress) {
      for (let batch = batches[next]; batch; batch = batches[next]) {
        await send(batch);
        next += 1;
        arrived += batch.length;
        onProgress(arrived);
      }
    },
  };
}

const sleep = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));
