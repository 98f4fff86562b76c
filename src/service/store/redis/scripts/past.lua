-- Keeps rows of the past, in place of what stood there.
-- KEYS: epoch, past. ARGV: the caller's epoch, life in ms, then campaign and bytes of each.
local current = tonumber(redis.call('GET', KEYS[1]) or '0')
if current ~= tonumber(ARGV[1]) then
  return {'fenced', current}
end
redis.call('HSET', KEYS[2], unpack(ARGV, 3))
redis.call('PEXPIRE', KEYS[2], ARGV[2])
return {'done'}
