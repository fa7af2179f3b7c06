// What a token of an application, or its answer, says of boards: the claim `boards`, which lets its user in to them.

import { createHash } from 'node:crypto';
import { MOST_BOARDS } from '../http/board-list.ts';
import { BOARD_PATTERN } from '../http/schemas.ts';

/**
 * Not `owner`: that may take others off a board, invite, and delete it, which stays done when the token is over; and a board
 * has an owner by its members. An application that wants one makes a member.
 */
const claimedRoles = ['viewer', 'editor'] as const;
type ClaimedRole = (typeof claimedRoles)[number];

const boardName = new RegExp(BOARD_PATTERN);

/** The boards of one claim. */
export interface Claims {
  /** Role by board, as `access_to` of postgres/migrations reads it: an id in lower case, or `~` and a key. */
  json: string;
  /** The same for the same claims, and short. */
  digest: string;
}

/** Who reads or writes a board: the user, who may be a member of it, and what lets them in without that. */
export interface Reader {
  userId: string;
  claims: Claims | undefined;
}

/**
 * @param value `{"~<key>" or id: "viewer" | "editor"}`; absent or null: no claim
 * @throws Error for what is none: left out, half of it would be a claim that nobody has made
 */
export function readClaims(value: unknown): Claims | undefined {
  if (value === undefined || value === null) return undefined;
  if (typeof value !== 'object' || Array.isArray(value))
    throw new Error('"boards" must be an object of roles by board');
  const entries = Object.entries(value);
  if (entries.length > MOST_BOARDS) throw new Error(`"boards" must not name more than ${MOST_BOARDS} boards`);
  const roles = new Map<string, ClaimedRole>();
  for (const [name, role] of entries) {
    if (!boardName.test(name))
      throw new Error(
        `"boards" names ${JSON.stringify(name.slice(0, 100))}, which is no board: a UUID, or ~ and a key`,
      );
    if (!isClaimedRole(role)) throw new Error(`the roles of "boards" must be ${claimedRoles.join(' or ')}`);
    // The capitals of an id say nothing, those of a key do.
    const board = name.startsWith('~') ? name : name.toLowerCase();
    if (roles.get(board) !== 'editor') roles.set(board, role);
  }
  return claimsOf(roles);
}

/** @returns undefined for no boards */
export function claimsOf(roles: ReadonlyMap<string, ClaimedRole>): Claims | undefined {
  if (roles.size === 0) return undefined;
  const json = JSON.stringify(Object.fromEntries([...roles].sort(([one], [other]) => (one < other ? -1 : 1))));
  return { json, digest: createHash('sha256').update(json).digest('base64') };
}

function isClaimedRole(role: unknown): role is ClaimedRole {
  return (claimedRoles as readonly unknown[]).includes(role);
}
