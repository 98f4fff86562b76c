-- Tells the id and the number of records of the log's last entry, without sending its batch.
-- KEYS: log.
local last = redis.call('XREVRANGE', KEYS[1], '+', '-', 'COUNT', 1)
if #last == 0 then
  return {'done'}
end
return {'done', last[1][1], last[1][2][2]}
