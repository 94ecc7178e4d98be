local stream, quarantine = KEYS[1], KEYS[2]
local spare, most = ARGV[1] == 'spare', tonumber(ARGV[2])
local first = spare and needed(stream)
local groups, lost = {}, {}
if not spare then
  for _, info in ipairs(redis.call('XINFO', 'GROUPS', stream)) do
    local group = {}
    for i = 1, #info, 2 do group[info[i]] = info[i + 1] end
    groups[#groups + 1] = group
  end
end
local gone = 0
local function report(done)
  local losses = {}
  for name, count in pairs(lost) do losses[#losses + 1], losses[#losses + 2] = name, count end
  return {gone, done, losses}
end
for i = 3, #ARGV, 2 do
  local from = ARGV[i]
  repeat
    local entries = redis.call('XRANGE', stream, from, ARGV[i + 1], 'COUNT', 16)
    for _, entry in ipairs(entries) do
      local id = entry[1]
      if first and not less(id, first) then return report((#ARGV - 2) / 2) end
      if gone == most then return report((i - 3) / 2) end
      if quarantine then
        local failed = copy(quarantine, stream, entry)
        if failed then return failed end
      end
      for _, group in ipairs(groups) do
        local name = group['name']
        if ARGV[1] == 'acknowledge' then
          redis.call('XACK', stream, name, id)
        elseif less(group['last-delivered-id'], id)
          or redis.call('XPENDING', stream, name, id, id, 1)[1] then
          lost[name] = (lost[name] or 0) + 1
        end
      end
      gone = gone + redis.call('XDEL', stream, id)
      from = '(' .. id
    end
  until #entries < 16
end
return report((#ARGV - 2) / 2)
