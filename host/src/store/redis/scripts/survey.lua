local stream = KEYS[1]
if redis.call('TYPE', stream).ok == 'none' then return {} end
local info, about = redis.call('XINFO', 'STREAM', stream), {}
for i = 1, #info, 2 do about[info[i]] = info[i + 1] end
local first = about['first-entry']
local memory = redis.pcall('MEMORY', 'USAGE', stream)
if type(memory) ~= 'number' then memory = 0 end
return {about['length'], about['last-generated-id'], first and first[1] or '',
  needed(stream) or '', memory}
