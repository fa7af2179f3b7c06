// The SQL of users whom another application sends: who they are there, and who they are here.

import type { Pool } from 'pg';
import { uuidv7 } from 'uuidv7';
import { attempt, type Failures } from '../background/failures.ts';
import type { Identity } from './jwt-verifier.ts';
import { streamsColumn, userColumns } from './session-store.ts';
import type { User } from './user.ts';

const UNIQUE_VIOLATION = '23505';
/** Of a user whose application does not say. Who one is there (`sub`) may be nobody else's business. */
const NO_NAME = 'Unnamed';

type Named = Pick<Identity, 'issuer' | 'subject' | 'name' | 'namedAt'>;

export interface FoundUser {
  user: User;
  /** See `Grant`. */
  streamsId: string;
}

export interface IdentityStore {
  /**
   * Makes the user when it is new, and gives it the name that its application has for it now. Writes nothing when both
   * are as they were.
   */
  findUser(identity: Named): Promise<FoundUser>;
}

/** @param renames hears when a name is not changed: the old one is good until the next request tries again */
export function createIdentityStore(pool: Pool, renames: Failures): IdentityStore {
  return {
    async findUser(identity) {
      const found = (await find(pool, identity)) ?? (await create(pool, identity)) ?? (await find(pool, identity));
      const { isNamedBefore, streamsId, ...user } = found as Found;
      const { name } = identity;
      if (name === undefined || name === user.name || !isNamedBefore) return { user, streamsId };
      const renamed = await attempt(renames, () => rename(pool, identity, name));
      return { user: renamed ? { ...user, name } : user, streamsId };
    },
  };
}

interface Found extends User {
  streamsId: string;
  /** The name that we have is older than the token: of two tokens in use the later one knows the name. */
  isNamedBefore: boolean;
}

async function find(pool: Pool, { issuer, subject, namedAt }: Named): Promise<Found | undefined> {
  const { rows } = await pool.query<Found>({
    name: 'identity-find',
    text: `select ${userColumns}, ${streamsColumn}, identities.named_at < $3 as "isNamedBefore"
           from :schema.identities join :schema.users on users.id = identities.user_id
             left join :schema.credentials on credentials.user_id = users.id
           where issuer = $1 and subject = $2`,
    values: [issuer, subject, namedAt],
  });
  return rows[0];
}

/** @returns undefined when another request was first: the primary key decides, and takes the user back with it */
async function create(pool: Pool, { issuer, subject, name, namedAt }: Named): Promise<Found | undefined> {
  try {
    const { rows } = await pool.query<Found>(
      `with users as (
         insert into :schema.users (id, name, guest) values ($1, $2, false) returning *
       ), identity as (
         insert into :schema.identities (issuer, subject, user_id, named_at) select $3, $4, id, $5 from users
       )
       select ${userColumns}, ${streamsColumn}, false as "isNamedBefore"
       from users left join :schema.credentials on credentials.user_id = users.id`,
      [uuidv7(), name ?? NO_NAME, issuer, subject, namedAt],
    );
    return rows[0];
  } catch (error) {
    const { code, constraint } = error as { code?: unknown; constraint?: unknown };
    if (code === UNIQUE_VIOLATION && constraint === 'identities_pkey') return undefined;
    throw error;
  }
}

/** @returns false when a later token has named the user meanwhile */
async function rename(pool: Pool, { issuer, subject, namedAt }: Named, name: string): Promise<boolean> {
  const { rowCount } = await pool.query(
    `with named as (
       update :schema.identities set named_at = $3 where issuer = $1 and subject = $2 and named_at < $3 returning user_id
     )
     update :schema.users set name = $4 from named where users.id = named.user_id`,
    [issuer, subject, namedAt, name],
  );
  return rowCount === 1;
}
