-- Puts a table for readers, if the caller leads and it is newer than the one there.
-- KEYS: epoch, table. ARGV: epoch and sequence of the table, bytes.
local current = tonumber(redis.call('GET', KEYS[1]) or '0')
local epoch, sequence = tonumber(ARGV[1]), tonumber(ARGV[2])
if current ~= epoch then
  return {'fenced', current}
end
local held = redis.call('HMGET', KEYS[2], 'epoch', 'sequence')
if held[1] then
  local held_epoch, held_sequence = tonumber(held[1]), tonumber(held[2])
  if held_epoch > epoch or (held_epoch == epoch and held_sequence >= sequence) then
    return {'older', held_epoch, held_sequence}
  end
end
redis.call('HSET', KEYS[2], 'generation', ARGV[1] .. '.' .. ARGV[2], 'epoch', ARGV[1],
  'sequence', ARGV[2], 'bytes', ARGV[3])
return {'done'}
