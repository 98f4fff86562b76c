-- Removes whole entries before an entry, but never at or after the checkpoint's.
-- KEYS: checkpoint, log, trimmed. ARGV: milliseconds and sequence of the first entry to keep.
local covered = redis.call('HGET', KEYS[1], 'offset')
if not covered then
  return {'done', 0}
end
local millis, sequence = tonumber(ARGV[1]), tonumber(ARGV[2])
local to_millis, to_sequence = string.match(covered, '^(%d+)-(%d+)%.')
to_millis, to_sequence = tonumber(to_millis), tonumber(to_sequence)
local keep = ARGV[1] .. '-' .. ARGV[2]
if to_millis < millis or (to_millis == millis and to_sequence < sequence) then
  keep = string.match(covered, '^(%d+%-%d+)%.')
end
local last = redis.call('XREVRANGE', KEYS[2], '(' .. keep, '-', 'COUNT', 1)
if #last == 0 then
  return {'done', 0}
end
redis.call('SET', KEYS[3], last[1][1] .. '.' .. string.format('%d', last[1][2][2] - 1))
return {'done', redis.call('XTRIM', KEYS[2], 'MINID', '=', keep)}
