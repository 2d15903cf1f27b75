-- Free all permits of a semaphore that a worker holds.
-- KEYS[1]  P:sem:<name>   sorted set: "<worker>:<permit>" -> when it frees itself
-- ARGV[1]  the worker
-- Returns how many.
local start = ARGV[1] .. ':'
local dropped = 0
for _, member in ipairs(redis.call('ZRANGE', KEYS[1], 0, -1)) do
    if string.sub(member, 1, #start) == start then
        dropped = dropped + redis.call('ZREM', KEYS[1], member)
    end
end
return dropped
