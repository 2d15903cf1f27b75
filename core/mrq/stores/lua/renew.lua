-- Hold permits of a semaphore for another lease.
-- KEYS[1]  P:sem:<name>   sorted set: "<worker>:<permit>" -> when it frees itself, in milliseconds of this server
-- ARGV[1]  lease, in milliseconds
-- ARGV[2]  the worker
-- ARGV[3...]  the permits, held from now on if they weren't; none: whatever the worker holds
-- Returns how many.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local expiry = string.format('%.0f', now + ARGV[1])
local mine = {}
if #ARGV > 2 then
    for i = 3, #ARGV do
        mine[#mine + 1] = ARGV[2] .. ':' .. ARGV[i]
    end
else
    redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', string.format('%.0f', now))
    local start = ARGV[2] .. ':'
    for _, member in ipairs(redis.call('ZRANGE', KEYS[1], 0, -1)) do
        if string.sub(member, 1, #start) == start then
            mine[#mine + 1] = member
        end
    end
end
for _, member in ipairs(mine) do
    redis.call('ZADD', KEYS[1], expiry, member)
end
if #mine > 0 and redis.call('PTTL', KEYS[1]) < tonumber(ARGV[1]) then
    redis.call('PEXPIRE', KEYS[1], ARGV[1])
end
return #mine
