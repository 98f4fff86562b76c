-- Replaces the table for readers, all at once, if the caller leads and the one there is not newer.
-- Pages that are not given stay, so the caller says which table it writes over ('' for any older).
-- KEYS: epoch, table. ARGV: epoch and sequence of the table, generation written over, number of
-- pages, number of head words, head words, then number and bytes of each page given.
local current = tonumber(redis.call('GET', KEYS[1]) or '0')
local epoch, sequence = tonumber(ARGV[1]), tonumber(ARGV[2])
if current ~= epoch then
  return {'fenced', current}
end
local over, pages, words = ARGV[3], tonumber(ARGV[4]), tonumber(ARGV[5])
local held = redis.call('HMGET', KEYS[2], 'generation', 'epoch', 'sequence', 'pages')
if over ~= '' and held[1] ~= over then
  return {'apart'}
end
if held[1] then
  local held_epoch, held_sequence = tonumber(held[2]), tonumber(held[3])
  local is_same = held_epoch == epoch and held_sequence == sequence
  local is_newer = held_epoch > epoch or (held_epoch == epoch and held_sequence > sequence)
  if is_newer or (is_same and over == '') then
    return {'older', held_epoch, held_sequence}
  end
end
redis.call('HSET', KEYS[2], 'epoch', ARGV[1], 'sequence', ARGV[2], 'pages', ARGV[4],
  unpack(ARGV, 6, 5 + words))
for at = 6 + words, #ARGV, 2 do
  redis.call('HSET', KEYS[2], 'page:' .. ARGV[at], ARGV[at + 1])
end
for page = pages, tonumber(held[4] or '0') - 1 do
  redis.call('HDEL', KEYS[2], 'page:' .. page)
end
return {'done'}
