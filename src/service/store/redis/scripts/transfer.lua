-- Takes a page of foreign entries into the log: batch, position and refusals together or not at
-- all. A page that does not begin at the stored position has been taken before and is refused.
-- KEYS: epoch, log, position, in:spend, in:opportunities, in:refused.
-- ARGV: the caller's epoch; position of both streams before; position of both after; number of
-- records; batch; longest in:refused; then per refusal: stream, id, field, value, rule.
local current = tonumber(redis.call('GET', KEYS[1]) or '0')
if current ~= tonumber(ARGV[1]) then
  return {'fenced', current}
end
local held = redis.call('HMGET', KEYS[3], 'spend', 'opportunities')
if (held[1] or '0-0') ~= ARGV[2] or (held[2] or '0-0') ~= ARGV[3] then
  return {'moved'}
end
for first = 9, #ARGV, 5 do
  redis.call('XADD', KEYS[6], 'MAXLEN', '=', ARGV[8], '*', 'stream', ARGV[first],
    'id', ARGV[first + 1], 'field', ARGV[first + 2], 'value', ARGV[first + 3],
    'rule', ARGV[first + 4])
end
local id = false
if ARGV[6] ~= '0' then
  id = redis.call('XADD', KEYS[2], '*', 'n', ARGV[6], 'batch', ARGV[7])
end
redis.call('HSET', KEYS[3], 'spend', ARGV[4], 'opportunities', ARGV[5])
-- Trimming keeps the entry that is named.
redis.call('XTRIM', KEYS[4], 'MINID', '=', ARGV[4])
redis.call('XDEL', KEYS[4], ARGV[4])
redis.call('XTRIM', KEYS[5], 'MINID', '=', ARGV[5])
redis.call('XDEL', KEYS[5], ARGV[5])
return {'done', id}
