local stream, before = KEYS[1], ARGV[1]
if ARGV[3] == 'force' and redis.call('XINFO', 'GROUPS', stream)[1] then return false end
if ARGV[3] == 'spare' then
  local first = needed(stream)
  if first and less(first, before) then before = first end
end
if ARGV[2] == '~' then return redis.call('XTRIM', stream, 'MINID', '~', before, 'LIMIT', 0) end
return redis.call('XTRIM', stream, 'MINID', '=', before)
