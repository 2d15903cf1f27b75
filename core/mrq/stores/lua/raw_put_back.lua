-- Put what a worker holds back to where it was, so that it is the next to be taken. What is no longer held is passed
-- over.
-- KEYS[1]  P:held:<root>:<worker>      hash: job id to record, see raw_take.lua
-- KEYS[2]  P:rescued:<root>:<worker>   set: ids that were put back
-- KEYS[3]  P:losses:<root>             hash: payload to count
-- KEYS[4]  P:ksq:<root>                set: known subqueues
-- KEYS[5...]  P:q:<queue id>           the queues that the records name
-- ARGV[1]  raw, set, sorted_set or timed_set
-- ARGV[2]  seconds to remember what was put back, and losses
-- ARGV[3...]  job id, place of its queue among KEYS[5...], and "1" if a worker was lost over it: in turn
local held, rescued, losses, known = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local kind, ttl = ARGV[1], ARGV[2]
local put = 0
for i = #ARGV - 2, 3, -3 do -- the last first, so that the first ends up in front
    local id, queue = ARGV[i], KEYS[4 + tonumber(ARGV[i + 1])]
    local record = redis.call('HGET', held, id)
    if record then
        local head, rest = string.match(record, '^([^\n]*)\n(.*)$')
        local score, pushed, lost, side, unstored, length = string.match(head, '^(%S+) (%S+) (%d+) (%S) (%S) (%d+)$')
        local name, payload = string.sub(rest, 1, tonumber(length)), string.sub(rest, tonumber(length) + 1)
        if kind == 'raw' then
            redis.call(side == 'R' and 'RPUSH' or 'LPUSH', queue, payload)
        elseif kind == 'set' then
            redis.call('SADD', queue, payload)
        elseif pushed == '-' then
            redis.call('ZADD', queue, 'NX', score, payload) -- one that was queued anew meanwhile stands
        else
            local there = redis.call('ZSCORE', queue, payload)
            if there and tonumber(there) == tonumber(pushed) then -- else somebody moved or removed it meanwhile
                redis.call('ZADD', queue, score, payload)
            end
        end
        local count = tonumber(lost)
        if ARGV[i + 2] == '1' and unstored == 'u' then
            count = count + 1
        end
        if count > 0 then
            redis.call('HSET', losses, payload, count)
            redis.call('EXPIRE', losses, ttl)
        end
        if string.find(name, '/', 1, true) and redis.call('EXISTS', queue) == 1 then
            redis.call('SADD', known, name)
        end
        redis.call('HDEL', held, id)
        redis.call('SADD', rescued, id)
        put = put + 1
    end
end
if put > 0 then
    redis.call('EXPIRE', rescued, ttl)
end
return put
