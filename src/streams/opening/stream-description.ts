// The stream in words, for the OpenAPI document, which has no form for Server-Sent Events of several kinds.

export const streamDescription = `
\`Accept: text/event-stream\`, or anything that allows it, opens a stream; \`Accept: application/json\` gives pages of
the same log (\`after\`, \`limit\`).

**Resume.** \`Last-Event-ID\` (or \`?lastEventId=\`; the header wins) is the cursor of the last event seen. The stream
goes on with the next one. Without it the stream starts at the present. Whatever is no cursor of this board is answered
with \`reset\`, and never with an error; of several values the last one counts.

**Ticket.** An EventSource that can send neither header nor cookie says \`?ticket=…\`, from
\`POST /boards/:id/tickets\`, also when it reconnects.

**Order.** On one stream the \`seq\` of \`changed\` events goes up by exactly one, from the cursor named in the request;
where that cannot be kept, \`reset\` (or, with \`?snapshot=true\`, \`snapshot\`) comes before anything else. An event
that cannot be told, as a row is that PostgreSQL cannot read, is a \`reset\` (\`gap\`) too.

| \`event:\` | \`id:\` | When | \`data\` |
| --- | --- | --- | --- |
| \`ready\` | where it goes on from | first; without an id when a \`reset\` or \`snapshot\` follows | \`{streamId, boardId, cursor, heartbeatSeconds, resumedFrom?}\`; \`cursor\` is where the stream starts, or, when it resumes, the newest event |
| \`snapshot\` | cursor | with \`?snapshot=true\`: on open without a cursor, and in place of every \`reset\` | what \`GET /boards/:id\` gives |
| \`changed\` | cursor | each committed change, in order | a \`BoardEvent\` |
| \`own\` | cursor | in place of \`changed\`, on the stream that the writer named by \`Stream-Id\` | \`{boardId, seq, mutationId?}\` |
| \`reset\` | cursor | the cursor can't be continued | \`{boardId, reason, cursor}\`: fetch the board again; \`reason\` is \`trimmed\`, \`ahead\`, \`epoch\`, \`malformed\` or \`gap\` |
| \`presence\` | no | after \`ready\` (and \`snapshot\`), then on each change | \`{boardId, action: "sync", users, total?}\`: all who have the board open, on any node; or \`{boardId, action: "join" | "leave", user}\`. A user is \`{id, name}\` |
| \`broadcast\` | no | someone's \`POST /boards/:id/broadcasts\` | \`{boardId, name, data, from: {user, streamId?}, at}\`; \`streamId\` is the stream that the sender has named, and which was not told |
| \`heartbeat\` | no | every \`heartbeatSeconds\` | \`{boardId, cursor}\`: the newest event of the board. Who hears nothing for three of them has a dead stream |
| \`close\` | no | last | \`{reason, retry}\`; \`reason\` is \`shutdown\`, \`busy\`, \`rotated\`, \`slow\`, \`revoked\`, \`expired\` or \`deleted\`; \`retry: false\` means that the next attempt will be refused |

**Presence.** A user joins with the first stream on the board, on any node, and leaves with the last. A \`sync\` replaces
all that was told before; it may also come in place of many changes, and to a client that was slow. Between two of them
each \`leave\` has its \`join\`, or was in the \`sync\`. Who comes back within the hand-over (3 s by default, or the
\`retry:\` that \`close\` named) has never left. Of more than 1,000 users those with the 1,000 lowest ids are named, and
\`total\` says how many there are; the stream's own user may then be missing.

**Access ends at once.** When the session or token that opened the stream ends, or the membership, \`close\` comes within
a second on any node (\`expired\` when its time is over, else \`revoked\`), and nothing after it.

**Broadcasts** are told at most once, between any two events, and those of one sender in order. They are dropped for a
client that has not taken what it was sent before, and are part of no replay.

In every frame \`id:\` is the last line. The first one carries a \`retry:\` of 1 to 3 s, random per stream, and \`close\`
another. A node that is going down, or
that cannot reach its database, answers 200 with \`close\` (\`busy\`): any other status ends an EventSource for good.
`.trim();

export const manyStreamDescription = `
The stream of \`GET /boards/:id/events\` for up to 256 boards on one connection: the same frames, with these differences.

- Every frame names its \`boardId\` in its data (a \`snapshot\` has it in \`board.id\`). What is said of one board's frames
  there holds here for each board, independently of all others; only a frame is never interrupted by another.
- \`ready\` comes once: \`{streamId, heartbeatSeconds, boards}\`, with an entry for each board of the request, in its order:
  \`{boardId, cursor, resumedFrom?}\`, or \`{boardId, refused}\`: 404 for one that the caller may not see, 429 for one
  that has as many streams as it can take. When all are refused the answer is 404, or that of a node that is full.
- The \`id:\` is one opaque cursor for all boards, in at most 40 bytes and 6 for each board. \`Last-Event-ID\` (or
  \`?lastEventId=\`) resumes by it, exactly for each board, also with other \`boards\`: those that it knows go on, others
  start at their \`@<cursor>\` (that of a board: \`cursor\` of any answer) or at the present, and those that are named no
  more are dropped. What is no such cursor, and the cursor of one board, is answered with a \`reset\` of each board
  (\`malformed\`, or \`epoch\` for one of another history). Who comes back while a \`reset\` or \`snapshot\` was due
  is reset again (\`gap\`).
- With \`?snapshot=true\` each board without a cursor begins with its \`snapshot\`, one after the other.
- A board whose access ends gets a \`close\` with its \`boardId\` and without a \`retry:\`, and the stream goes on with the
  others. A \`close\` without a \`boardId\` is the end of the stream; after that of the last board it comes too.
- It counts as one stream of the user and of the node, and as one on each of its boards.
`.trim();
