-- Whether the next start may take place, and when; else when to return. Granted starts are `interval` apart.
-- Safe to repeat: the last question is remembered with its answer.
-- KEYS[1]  P:rate:<path>   hash; all times are microseconds of this server:
--            next   before this no start is granted
--            tail   the end of the line of those who were told to return
--            ask, granted, slot   the last question and its answer
-- ARGV[1]  this question
-- ARGV[2]  interval
-- ARGV[3]  patience: a start that is further away is not granted
-- ARGV[4]  "1": asked by one who returns: the line is behind him
-- Returns {1 or 0, microseconds to wait}.
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local state = redis.call('HMGET', KEYS[1], 'next', 'tail', 'ask', 'granted', 'slot')
if state[3] == ARGV[1] then
    return {tonumber(state[4]), math.max(0, tonumber(state[5]) - now)}
end
local next = tonumber(state[1]) or 0
local tail = tonumber(state[2]) or 0
local interval = tonumber(ARGV[2])
local slot = math.max(now, next)
if ARGV[4] ~= '1' then
    slot = math.max(slot, tail)
end
local granted = slot - now <= tonumber(ARGV[3])
if granted then
    next = slot + interval
    tail = math.max(tail, next)
else
    slot = math.max(slot, tail)
    tail = slot + interval
end
local function text(number)
    return string.format('%.0f', number)
end
redis.call('HSET', KEYS[1], 'next', text(next), 'tail', text(tail), 'ask', ARGV[1], 'granted', granted and 1 or 0,
    'slot', text(slot))
redis.call('PEXPIRE', KEYS[1], text(math.ceil((math.max(next, tail) - now) / 1000) + 60000))
return {granted and 1 or 0, slot - now}
