local time = redis.call('TIME')
local micros = tonumber(time[2])
local id = string.format('%s%03d-%.0f', time[1], math.floor(micros / 1000),
  (micros % 1000 + 1) * 1000000 + tonumber(ARGV[1]))
local done = redis.pcall('XADD', KEYS[1], id, 'kind', ARGV[2], 'data', ARGV[3])
if type(done) == 'table' and done.err and string.find(done.err, 'equal or smaller', 1, true) then
  return redis.call('XADD', KEYS[1], '*', 'kind', ARGV[2], 'data', ARGV[3])
end
return done
