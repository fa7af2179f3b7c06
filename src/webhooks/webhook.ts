// A webhook, as the owners of its board see it.

import { type Static, Type } from 'typebox';
import { nameInput } from '../http/name.ts';
import { CursorText, FAULT, oneOf, Timestamp, Uuid } from '../http/schemas.ts';

const MAX_NAME_LENGTH = 200;
export const MAX_URL_LENGTH = 2000;
const MAX_EVENTS = 50;

/** Of users, and in no log: they are told to who names them. */
export const presenceEvents = { join: 'presence.join', leave: 'presence.leave' } as const;

const orNull = (schema: object, description: string) => Type.Union([schema, Type.Null()], { description });

const events = Type.Array(
  Type.String({ pattern: '^[^\\x00-\\x1f\\x7f]{1,80}$', [FAULT]: 'must be 1 to 80 characters in one line' }),
  { minItems: 1, maxItems: MAX_EVENTS },
);
const eventsMeaning =
  'What it is told of: `item`, `item.created`, the name of a published table, …; and who opens and closes the board, as ' +
  '`presence.join` and `presence.leave`. null: each change of the board, and no presence.';

export const Webhook = Type.Object(
  {
    id: Uuid,
    boardId: Uuid,
    name: orNull(Type.String(), 'For its owners.'),
    url: Type.String(),
    events: orNull(Type.Array(Type.String()), eventsMeaning),
    state: oneOf(['active', 'paused']),
    pauseReason: orNull(
      oneOf(['owner', 'failing', 'gone', 'access']),
      'Why it is told nothing: an owner has paused it; it has failed for 24 hours; it has answered 410; or `ownerId` is ' +
        'no owner any more.',
    ),
    pausedAt: orNull(Timestamp, 'Since when.'),
    cursor: { ...CursorText, description: 'The last event that it was told, or that it was not to be told.' },
    failures: Type.Integer({ minimum: 0, description: 'Attempts in a row that have failed.' }),
    failingSince: orNull(Timestamp, 'When the first of them was.'),
    lastFailure: orNull(Type.String(), 'What the last of them met.'),
    nextAttemptAt: orNull(Timestamp, 'When it is tried again.'),
    deliveredAt: orNull(Timestamp, 'When it has taken something for the last time.'),
    previousSecretUntil: orNull(Timestamp, 'How long the secret before this one signs beside it.'),
    ownerId: {
      ...Uuid,
      description: 'On whose right it hangs: who made it, or has set its address or resumed it since.',
    },
    createdAt: Timestamp,
  },
  { $id: 'Webhook', description: 'For owners. Its secret is shown once, by the answer that made it.' },
);
export type Webhook = Static<typeof Webhook>;

export const secretText = Type.String({
  description: 'Signs what it is told (Standard Webhooks). Shown once.',
  examples: ['whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw'],
});

const url = Type.String({
  minLength: 1,
  maxLength: MAX_URL_LENGTH,
  description:
    'Where to: `https:`, without user and fragment, at a public address. (With WEBHOOK_ALLOW_PRIVATE `http:` and any address.)',
  examples: ['https://app.example/hooks/teamboard'],
});
const name = Type.Union([nameInput(MAX_NAME_LENGTH), Type.Null()]);
const eventsInput = Type.Union([events, Type.Null()], { description: eventsMeaning });

/** Body of `POST /boards/:id/webhooks`. */
export const NewWebhook = Type.Object(
  { url, name: Type.Optional(name), events: Type.Optional(eventsInput) },
  { additionalProperties: false, examples: [{ url: 'https://app.example/hooks/teamboard', events: ['item'] }] },
);
export type NewWebhook = Static<typeof NewWebhook>;

/** Body of `PATCH`: a merge patch. */
export const WebhookPatch = Type.Object(
  {
    url: Type.Optional(url),
    name: Type.Optional(name),
    events: Type.Optional(eventsInput),
    state: Type.Optional(oneOf(['active', 'paused'], { description: '`active` resumes it where it stood.' })),
  },
  { additionalProperties: false, examples: [{ state: 'active' }] },
);
export type WebhookPatch = Static<typeof WebhookPatch>;

/** Whether it is told of an event of the log. @param events null: of each */
export function wants(events: string[] | null, { resource, action }: { resource: string; action: string }): boolean {
  return events === null || events.includes(resource) || events.includes(`${resource}.${action}`);
}
