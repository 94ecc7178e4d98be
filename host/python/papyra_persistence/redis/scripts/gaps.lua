for i = 1, #ARGV, 2 do
  if redis.call('XRANGE', KEYS[1], ARGV[i], ARGV[i + 1], 'COUNT', 1)[1] then return (i - 1) / 2 end
end
return #ARGV / 2
