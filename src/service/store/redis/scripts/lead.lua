-- Takes the lead if nobody has it, or keeps it if the caller does.
-- KEYS: lead, epoch. ARGV: holder, span in ms, the epoch to be above, the largest epoch.
local holder = redis.call('GET', KEYS[1])
local epoch = tonumber(redis.call('GET', KEYS[2]) or '0')
if holder and holder ~= ARGV[1] then
  return {'theirs', holder, epoch}
end
local above = tonumber(ARGV[3])
if not holder or epoch <= above then
  local top = math.max(epoch, above)
  if top >= tonumber(ARGV[4]) then
    return {'spent', top}
  end
  epoch = top + 1
  redis.call('SET', KEYS[2], string.format('%d', epoch))
end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return {'done', epoch}
