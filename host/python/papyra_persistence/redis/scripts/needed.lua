local function less(a, b)
  local am, as = string.match(a, '^(%d+)%-(%d+)$')
  local bm, bs = string.match(b, '^(%d+)%-(%d+)$')
  if #am ~= #bm then return #am < #bm end
  if am ~= bm then return am < bm end
  if #as ~= #bs then return #as < #bs end
  return as < bs
end
local function needed(stream)
  local least
  for _, info in ipairs(redis.call('XINFO', 'GROUPS', stream)) do
    local group = {}
    for i = 1, #info, 2 do group[info[i]] = info[i + 1] end
    local first = {
      redis.call('XPENDING', stream, group['name'], '-', '+', 1)[1],
      redis.call('XRANGE', stream, '(' .. group['last-delivered-id'], '+', 'COUNT', 1)[1],
    }
    for i = 1, 2 do
      if first[i] and (not least or less(first[i][1], least)) then least = first[i][1] end
    end
  end
  return least
end
