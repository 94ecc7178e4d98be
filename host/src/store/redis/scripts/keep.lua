if redis.call('XRANGE', KEYS[1], ARGV[2], ARGV[2])[1] then return 0 end
local fields = {}
for i = 4, #ARGV do fields[i - 3] = ARGV[i] end
local reason = ARGV[3] ~= '' and ARGV[3] or nil
return copy(KEYS[1], ARGV[1], {ARGV[2], fields}, reason) or 1
