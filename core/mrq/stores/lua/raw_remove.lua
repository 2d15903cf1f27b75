-- Remove payloads from a raw queue; of equal ones in a list the first. An empty subqueue is forgotten.
-- KEYS[1]  P:q:<queue id>
-- KEYS[2]  P:ksq:<root>
-- KEYS[3]  P:once:<root>:<token>    text: how many this very call has removed (expires)
-- KEYS[4]  P:losses:<root>
-- ARGV[1]  raw, set, sorted_set or timed_set
-- ARGV[2]  the queue's id if it is a subqueue, else ""
-- ARGV[3]  seconds after which the call may be forgotten
-- ARGV[4...]  payloads
local kind, subqueue = ARGV[1], ARGV[2]
local before = redis.call('GET', KEYS[3])
if before then
    return tonumber(before)
end
local removed = 0
if kind == 'raw' then
    for i = 4, #ARGV do
        removed = removed + redis.call('LREM', KEYS[1], 1, ARGV[i])
    end
else
    removed = redis.call(kind == 'set' and 'SREM' or 'ZREM', KEYS[1], unpack(ARGV, 4))
end
redis.call('SET', KEYS[3], removed, 'EX', ARGV[3])
redis.call('HDEL', KEYS[4], unpack(ARGV, 4))
if subqueue ~= '' and redis.call('EXISTS', KEYS[1]) == 0 then
    redis.call('SREM', KEYS[2], subqueue)
end
return removed
