local entry = redis.call('XRANGE', KEYS[1], ARGV[2], ARGV[2])[1]
if entry then
  local failed = copy(KEYS[2], KEYS[1], entry, ARGV[3])
  if failed then return failed end
end
return redis.call('XACK', KEYS[1], ARGV[1], ARGV[2])
