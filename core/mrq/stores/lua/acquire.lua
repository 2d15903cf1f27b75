-- Take permits of a semaphore, as many as its limit allows. Safe to repeat: a permit that is held is granted again.
-- KEYS[1]  P:sem:<name>   sorted set: "<worker>:<permit>" -> when it frees itself, in milliseconds of this server
-- ARGV[1]  the limit
-- ARGV[2]  lease, in milliseconds
-- ARGV[3]  the worker
-- ARGV[4...]  the permits
-- Returns those that were granted.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local expiry = string.format('%.0f', now + ARGV[2])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', string.format('%.0f', now))
local held = redis.call('ZCARD', KEYS[1])
local granted = {}
for i = 4, #ARGV do
    local member = ARGV[3] .. ':' .. ARGV[i]
    local again = redis.call('ZSCORE', KEYS[1], member)
    if again or held < tonumber(ARGV[1]) then
        redis.call('ZADD', KEYS[1], expiry, member)
        if not again then
            held = held + 1
        end
        granted[#granted + 1] = ARGV[i]
    end
end
-- the key goes when its last permit has freed itself
if #granted > 0 and redis.call('PTTL', KEYS[1]) < tonumber(ARGV[2]) then
    redis.call('PEXPIRE', KEYS[1], ARGV[2])
end
return granted
