-- announce(changes, action, board, user, back): in the script that changes the count, or a crash would lose one of the
-- two. back is how soon the user was told to come back (ms), '' if nothing is known.

local function announce(changes, action, board, user, back)
  redis.call('XADD', changes, 'MAXLEN', '~', 100000, '*', 'action', action, 'board', board, 'user', user, 'back', back)
end
