-- Appends a batch to the log if the caller leads.
-- KEYS: epoch, log. ARGV: the caller's epoch, number of records, batch.
local current = tonumber(redis.call('GET', KEYS[1]) or '0')
if current ~= tonumber(ARGV[1]) then
  return {'fenced', current}
end
return {'done', redis.call('XADD', KEYS[2], '*', 'n', ARGV[2], 'batch', ARGV[3])}
