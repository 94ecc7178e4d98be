local function copy(quarantine, stream, entry, reason)
  local args = {'XADD', quarantine, entry[1], 'source', stream, 'id', entry[1]}
  if reason then args[8], args[9] = 'reason', reason end
  if #entry[2] > 7000 then
    args[#args + 1], args[#args + 2] = 'packed', cmsgpack.pack(entry[2])
  else
    for _, part in ipairs(entry[2]) do args[#args + 1] = part end
  end
  local done = redis.pcall(unpack(args))
  if type(done) == 'table' and done.err and string.find(done.err, 'equal or smaller', 1, true) then
    args[3] = '*'
    done = redis.pcall(unpack(args))
  end
  if type(done) == 'table' and done.err then return done end
end
