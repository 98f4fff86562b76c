-- Prolongs a lead that still runs.
-- KEYS: lead, epoch. ARGV: holder, epoch, span in ms.
local epoch = tonumber(redis.call('GET', KEYS[2]) or '0')
if epoch ~= tonumber(ARGV[2]) or redis.call('GET', KEYS[1]) ~= ARGV[1] then
  return {'lost', epoch}
end
redis.call('PEXPIRE', KEYS[1], ARGV[3])
return {'done'}
