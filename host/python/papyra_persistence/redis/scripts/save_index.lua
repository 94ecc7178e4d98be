local held = redis.call('TYPE', KEYS[1]).ok
if held ~= 'none' and held ~= 'string' then
  return redis.error_reply('WRONGTYPE the key of the index holds a ' .. held)
end
return redis.call('SET', KEYS[1], ARGV[1])
