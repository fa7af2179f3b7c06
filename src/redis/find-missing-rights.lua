-- ARGV[1] how many words the first command has, then these; and so on for the others
-- Answers the names of the commands that the user may not send.

local missing = {}
local i = 1
while i <= #ARGV do
  local count = tonumber(ARGV[i])
  if redis.acl_check_cmd and not redis.acl_check_cmd(unpack(ARGV, i + 1, i + count)) then
    table.insert(missing, ARGV[i + 1])
  end
  i = i + count + 1
end
return missing
