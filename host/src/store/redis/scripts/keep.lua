local function same(entry)
  local has = entry and entry[2]
  return has and has[1] == 'source' and has[2] == ARGV[1] and has[3] == 'id' and has[4] == ARGV[2]
end
if same(redis.call('XRANGE', KEYS[1], ARGV[2], ARGV[2])[1]) then return 0 end
for _, entry in ipairs(redis.call('XREVRANGE', KEYS[1], '+', '-', 'COUNT', 100)) do
  if same(entry) then return 0 end
end
local fields = {}
for i = 4, #ARGV do fields[i - 3] = ARGV[i] end
local reason = ARGV[3] ~= '' and ARGV[3] or nil
return copy(KEYS[1], ARGV[1], {ARGV[2], fields}, reason) or 1
