-- A repeat that came while its first was under way waits for it (claim_key), and then sees what that has remembered: but a
-- stable function looks with the snapshot that the statement began with, in which the large values of the answer are not
-- there yet (PostgreSQL, 36.7 Function Volatility Categories). It gave null, and the repeat was answered 500.

set local lock_timeout = '2s';

alter function whole_answer(json, uuid[], uuid[]) volatile;
