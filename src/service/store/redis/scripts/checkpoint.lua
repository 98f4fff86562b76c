-- Makes the side just written the checkpoint, and drops the other.
-- KEYS: epoch, checkpoint, the other side. ARGV: the caller's epoch, offset, size in bytes, number
-- of parts, side.
local current = tonumber(redis.call('GET', KEYS[1]) or '0')
if current ~= tonumber(ARGV[1]) then
  return {'fenced', current}
end
-- A key of another type is not ours: this fails on it.
redis.call('HLEN', KEYS[3])
redis.call('HSET', KEYS[2], 'epoch', ARGV[1], 'offset', ARGV[2], 'bytes', ARGV[3],
  'parts', ARGV[4], 'side', ARGV[5])
redis.call('UNLINK', KEYS[3])
return {'done'}
