-- Writes one part of a checkpoint beside the one that stands. The first part clears the side.
-- KEYS: epoch, side. ARGV: the caller's epoch, number of the part, bytes.
local current = tonumber(redis.call('GET', KEYS[1]) or '0')
if current ~= tonumber(ARGV[1]) then
  return {'fenced', current}
end
if ARGV[2] == '0' then
  -- A key of another type is not ours: this fails on it.
  redis.call('HLEN', KEYS[2])
  redis.call('UNLINK', KEYS[2])
end
redis.call('HSET', KEYS[2], ARGV[2], ARGV[3])
return {'done'}
