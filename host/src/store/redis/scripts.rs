//! What runs inside Redis. A script sees one moment and nothing comes in between, which is what makes
//! "check, then remove" and "copy, then remove" safe while others write and consume.
//!
//! Scripts take a bounded number of entries at a time, so that they do not hold up the server.

use redis::Cmd;

/// `needed(stream)`: the first entry that a group has not been given or not acknowledged, or `nil`.
/// `less(a, b)`: order of ids. Their halves have 64 bits and do not fit into Lua's numbers.
const NEEDED: &str = "
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
";

/// `copy(quarantine, stream, entry, reason)`: sets an entry aside with its id and all its fields,
/// after those that say where it comes from. A stream takes only ascending ids, so what is quarantined
/// late gets another one; its own is in the field `id` in any case. Lua can pass on 8,000 values at once;
/// of an entry with more, all are in the one field `packed`, as an array in MessagePack. Returns an error
/// reply or `nil`.
const COPY: &str = "
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
";

/// `KEYS`: stream. Returns nothing for no stream; else length, last id, first entry's id, first
/// needed id, and memory in bytes as far as Redis tells.
const SURVEY: &str = "
local stream = KEYS[1]
if redis.call('TYPE', stream).ok == 'none' then return {} end
local info, about = redis.call('XINFO', 'STREAM', stream), {}
for i = 1, #info, 2 do about[info[i]] = info[i + 1] end
local first = about['first-entry']
local memory = redis.pcall('MEMORY', 'USAGE', stream)
if type(memory) ~= 'number' then memory = 0 end
return {about['length'], about['last-generated-id'], first and first[1] or '',
  needed(stream) or '', memory}
";

/// `KEYS`: stream. `ARGV`: line's number in its batch, kind, line. The sequence numbers begin with
/// the microsecond, so that entries of different streams keep the order in which they were written;
/// what `*` gives next follows.
const FIRST: &str = "
local time = redis.call('TIME')
local micros = tonumber(time[2])
local id = string.format('%s%03d-%.0f', time[1], math.floor(micros / 1000),
  (micros % 1000 + 1) * 1000000 + tonumber(ARGV[1]))
local done = redis.pcall('XADD', KEYS[1], id, 'kind', ARGV[2], 'data', ARGV[3])
if type(done) == 'table' and done.err and string.find(done.err, 'equal or smaller', 1, true) then
  return redis.call('XADD', KEYS[1], '*', 'kind', ARGV[2], 'data', ARGV[3])
end
return done
";

/// `KEYS`: stream. `ARGV`: pairs of ids. Returns how many of the stretches, up to the first that
/// holds an entry, hold none.
const GAPS: &str = "
for i = 1, #ARGV, 2 do
  if redis.call('XRANGE', KEYS[1], ARGV[i], ARGV[i + 1], 'COUNT', 1)[1] then return (i - 1) / 2 end
end
return #ARGV / 2
";

/// `KEYS`: stream. `ARGV`: the id before which everything goes, `~` or `=`, whether to spare what
/// groups need. Returns how many went; nothing if it is forced and there are groups, whose losses only
/// removing one by one can count.
const TRIM: &str = "
local stream, before = KEYS[1], ARGV[1]
if ARGV[3] == 'force' and redis.call('XINFO', 'GROUPS', stream)[1] then return false end
if ARGV[3] == 'spare' then
  local first = needed(stream)
  if first and less(first, before) then before = first end
end
if ARGV[2] == '~' then return redis.call('XTRIM', stream, 'MINID', '~', before, 'LIMIT', 0) end
return redis.call('XTRIM', stream, 'MINID', '=', before)
";

/// `KEYS`: stream, and quarantine if entries are to be quarantined. `ARGV`: whether to spare what
/// groups need, or to acknowledge what goes; how many entries at most; pairs of ids. Returns how many
/// entries went, how many of the stretches are done with, and when forced the groups that have lost
/// something and how much.
const REMOVE: &str = "
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
      gone = gone + redis.call('XDEL', stream, id)
      for _, group in ipairs(groups) do
        local name = group['name']
        if ARGV[1] == 'acknowledge' then
          redis.call('XACK', stream, name, id)
        elseif less(group['last-delivered-id'], id)
          or redis.call('XPENDING', stream, name, id, id, 1)[1] then
          lost[name] = (lost[name] or 0) + 1
        end
      end
      from = '(' .. id
    end
  until #entries < 16
end
return report((#ARGV - 2) / 2)
";

/// `KEYS`: quarantine. `ARGV`: stream, id, reason or nothing, then fields. Copies an entry that lies
/// on another server, unless that has been done before.
const KEEP: &str = "
if redis.call('XRANGE', KEYS[1], ARGV[2], ARGV[2])[1] then return 0 end
local fields = {}
for i = 4, #ARGV do fields[i - 3] = ARGV[i] end
local reason = ARGV[3] ~= '' and ARGV[3] or nil
return copy(KEYS[1], ARGV[1], {ARGV[2], fields}, reason) or 1
";

/// `KEYS`: stream, quarantine. `ARGV`: group, id, reason. Sets an entry aside and acknowledges it.
const QUARANTINE: &str = "
local entry = redis.call('XRANGE', KEYS[1], ARGV[2], ARGV[2])[1]
if entry then
  local failed = copy(KEYS[2], KEYS[1], entry, ARGV[3])
  if failed then return failed end
end
return redis.call('XACK', KEYS[1], ARGV[1], ARGV[2])
";

/// `KEYS`: checkpoint. `ARGV`: text. Replaces a text and nothing of another type.
const CHECKPOINT: &str = "
local held = redis.call('TYPE', KEYS[1]).ok
if held ~= 'none' and held ~= 'string' then
  return redis.error_reply('WRONGTYPE the key of the checkpoint holds a ' .. held)
end
return redis.call('SET', KEYS[1], ARGV[1])
";

/// A call of a script; its arguments are added to it.
fn eval(libraries: &[&str], script: &str, keys: &[&str]) -> Cmd {
    let mut command = redis::cmd("EVAL");
    command.arg(libraries.concat() + script).arg(keys.len()).arg(keys);
    command
}

pub fn survey(stream: &str) -> Cmd {
    eval(&[NEEDED], SURVEY, &[stream])
}

pub fn first(stream: &str) -> Cmd {
    eval(&[], FIRST, &[stream])
}

pub fn gaps(stream: &str) -> Cmd {
    eval(&[], GAPS, &[stream])
}

pub fn trim(stream: &str) -> Cmd {
    eval(&[NEEDED], TRIM, &[stream])
}

pub fn remove(stream: &str, quarantine: Option<&str>) -> Cmd {
    let keys: Vec<&str> = [stream].into_iter().chain(quarantine).collect();
    eval(&[NEEDED, COPY], REMOVE, &keys)
}

pub fn save_checkpoint(key: &str) -> Cmd {
    eval(&[], CHECKPOINT, &[key])
}

pub fn keep(quarantine: &str) -> Cmd {
    eval(&[COPY], KEEP, &[quarantine])
}

pub fn quarantine(stream: &str, quarantine: &str) -> Cmd {
    eval(&[COPY], QUARANTINE, &[stream, quarantine])
}
