// A link that invites to a board: as its owners see it, and as who follows it does.

import { type Static, Type } from 'typebox';
import { oneOf, Timestamp, Uuid } from '../http/schemas.ts';
import { Role } from './board.ts';

const HOURS_OF_A_YEAR = 8760;
const DEFAULT_HOURS = 7 * 24;

const inviteRole = oneOf(['editor', 'viewer'], {
  description: 'What the link makes of who follows it. Owners are made by owners only, one by one.',
});

export const Invite = Type.Object(
  {
    id: Uuid,
    boardId: Uuid,
    role: inviteRole,
    maxUses: Type.Union([Type.Integer({ minimum: 1 }), Type.Null()], { description: 'null: as many as like.' }),
    uses: Type.Integer({ minimum: 0, description: 'How many it has let in, or raised in role.' }),
    createdBy: Uuid,
    createdAt: Timestamp,
    expiresAt: Timestamp,
  },
  { $id: 'Invite', description: 'For owners. The link itself is shown once, by the answer that made it.' },
);
export type Invite = Static<typeof Invite>;

/** Body of `POST /boards/:id/invites`. */
export const NewInvite = Type.Object(
  {
    role: inviteRole,
    expiresInHours: Type.Optional(Type.Integer({ minimum: 1, maximum: HOURS_OF_A_YEAR, default: DEFAULT_HOURS })),
    maxUses: Type.Optional(
      Type.Integer({ minimum: 1, maximum: 10_000, description: 'Without it there is no limit until the expiry.' }),
    ),
  },
  { additionalProperties: false, examples: [{ role: 'editor' }] },
);
export type NewInvite = Static<typeof NewInvite>;

export const Invitation = Type.Object(
  {
    board: Type.Object({ id: Uuid, name: Type.String() }),
    role: inviteRole,
    invitedBy: Type.Object({ id: Uuid, name: Type.String() }),
    expiresAt: Timestamp,
    yourRole: Type.Union([Role, Type.Null()], {
      description: 'null for who is no member yet, or has not said who they are.',
    }),
  },
  { $id: 'Invitation', description: 'What the link of an invite leads to.' },
);
export type Invitation = Static<typeof Invitation>;

/** Why an invite lets nobody in any more, as the database puts it. */
export type InviteEnd = 'revoked' | 'expired' | 'used' | 'unbacked';

export const endedText = 'One that was revoked, has expired or is used up answers 410 `TB_INVITE_ENDED`.';

export const whyEnded: Record<InviteEnd, string> = {
  revoked: 'It was revoked. Ask an owner of the board for another.',
  expired: 'It has expired. Ask an owner of the board for another.',
  used: 'It has let in as many as it may. Ask an owner of the board for another.',
  unbacked: 'Who made it is no longer an owner of the board. Ask one of the owners for another.',
};

/** Of the routes that go by a link. */
export const inviteParams = Type.Object({ token: Type.String({ minLength: 1, maxLength: 100 }) });

/** The named schemas, which the routes refer to. */
export const inviteSchemas = [Invite, Invitation];
