-- Takes a page of foreign entries into the log: batch, position and refusals together or not at
-- all. A page that does not begin at the stored position has been taken before and is refused.
-- KEYS: epoch, log, position, in:spend, in:opportunities, in:outcomes, in:refused.
-- ARGV: the caller's epoch; position of the three streams before; the same after; number of
-- records; batch; longest in:refused; then per refusal: stream, id, field, value, rule.
local current = tonumber(redis.call('GET', KEYS[1]) or '0')
if current ~= tonumber(ARGV[1]) then
  return {'fenced', current}
end
local held = redis.call('HMGET', KEYS[3], 'spend', 'opportunities', 'outcomes')
for stream = 1, 3 do
  if (held[stream] or '0-0') ~= ARGV[1 + stream] then
    return {'moved'}
  end
end
for first = 11, #ARGV, 5 do
  redis.call('XADD', KEYS[7], 'MAXLEN', '=', ARGV[10], '*', 'stream', ARGV[first],
    'id', ARGV[first + 1], 'field', ARGV[first + 2], 'value', ARGV[first + 3],
    'rule', ARGV[first + 4])
end
local id = false
if ARGV[8] ~= '0' then
  id = redis.call('XADD', KEYS[2], '*', 'n', ARGV[8], 'batch', ARGV[9])
end
redis.call('HSET', KEYS[3], 'spend', ARGV[5], 'opportunities', ARGV[6], 'outcomes', ARGV[7])
for stream = 1, 3 do
  -- Trimming keeps the entry that is named.
  redis.call('XTRIM', KEYS[3 + stream], 'MINID', '=', ARGV[4 + stream])
  redis.call('XDEL', KEYS[3 + stream], ARGV[4 + stream])
end
return {'done', id}
