-- Gives the lead up, if it is still the caller's.
-- KEYS: lead, epoch. ARGV: holder, epoch.
local epoch = tonumber(redis.call('GET', KEYS[2]) or '0')
if epoch == tonumber(ARGV[2]) and redis.call('GET', KEYS[1]) == ARGV[1] then
  redis.call('DEL', KEYS[1])
end
return {'done'}
