-- Take payloads from raw queues of one root: out of the queue and into the hash of what the worker holds, in one step,
-- each under the id that its job will have. An empty subqueue is forgotten in the same step.
-- KEYS[1]  P:held:<root>:<worker>   hash: job id to record
-- KEYS[2]  P:holders:<root>         hash: worker to the number of its last take
-- KEYS[3]  P:losses:<root>          hash: payload to count
-- KEYS[4]  P:ksq:<root>             set: known subqueues
-- KEYS[5...]  P:q:<queue id>        the queues, in the order in which they are asked
-- ARGV[1]  raw, set, sorted_set or timed_set
-- ARGV[2]  "1": from the other end
-- ARGV[3]  the worker
-- ARGV[4]  the number of this take; a number that is not above the last one is a repeat, and takes nothing more
-- ARGV[5]  now, for timed sets (unix seconds)
-- ARGV[6]  "": payloads leave the queue; else the score that they get instead
-- ARGV[7]  "u": the jobs will run without being stored, so a lost worker counts against them; else "-"
-- ARGV[8...]  the ids of the queues, then the ids of the jobs, as many as payloads are wanted
-- Returns the records, in the order of the job ids. A record:
--     <score or -> <score given instead or -> <losses> <L or R: end of the list> <u or -> <length of the queue's id>\n
--     <queue id><payload>
local held, holders, losses, known = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local kind, reverse, worker, number = ARGV[1], ARGV[2] == '1', ARGV[3], tonumber(ARGV[4])
local now, pushed, runs_unstored = ARGV[5], ARGV[6], ARGV[7]
local queues = #KEYS - 4
local first = 8 + queues
local limit = #ARGV - first + 1

local last = redis.call('HGET', holders, worker)
if last and tonumber(last) >= number then
    return redis.call('HMGET', held, unpack(ARGV, first))
end

local function split(flat)
    local members, scores = {}, {}
    for i = 1, #flat, 2 do
        members[#members + 1], scores[#scores + 1] = flat[i], flat[i + 1]
    end
    return members, scores
end

local function pop(queue, count)
    if kind == 'raw' then
        return redis.call(reverse and 'RPOP' or 'LPOP', queue, count) or {}, nil
    elseif kind == 'set' then
        return redis.call('SPOP', queue, count), nil
    elseif kind == 'sorted_set' then
        return split(redis.call(reverse and 'ZPOPMAX' or 'ZPOPMIN', queue, count))
    end
    local flat
    if reverse then
        flat = redis.call('ZREVRANGEBYSCORE', queue, now, '-inf', 'WITHSCORES', 'LIMIT', 0, count)
    else
        flat = redis.call('ZRANGEBYSCORE', queue, '-inf', now, 'WITHSCORES', 'LIMIT', 0, count)
    end
    local members, scores = split(flat)
    if #members > 0 and pushed == '' then
        redis.call('ZREM', queue, unpack(members))
    elseif #members > 0 then
        local moved = {}
        for _, member in ipairs(members) do
            moved[#moved + 1], moved[#moved + 2] = pushed, member
        end
        redis.call('ZADD', queue, unpack(moved))
    end
    return members, scores
end

local had_losses = redis.call('EXISTS', losses) == 1
local tail = ' ' .. (reverse and 'R' or 'L') .. ' ' .. runs_unstored .. ' '
local instead = ' ' .. (pushed == '' and '-' or pushed) .. ' '
local records, pairs_to_hold = {}, {}
for q = 1, queues do
    if #records == limit then
        break
    end
    local queue, id = KEYS[4 + q], ARGV[7 + q]
    local members, scores = pop(queue, limit - #records)
    local counts
    if had_losses and #members > 0 then
        counts = redis.call('HMGET', losses, unpack(members))
        redis.call('HDEL', losses, unpack(members))
    end
    local last_part = tail .. #id .. '\n' .. id
    for i, member in ipairs(members) do
        local record = (scores and scores[i] or '-') .. instead .. (counts and counts[i] or '0') .. last_part .. member
        records[#records + 1] = record
        pairs_to_hold[#pairs_to_hold + 1] = ARGV[first + #records - 1]
        pairs_to_hold[#pairs_to_hold + 1] = record
    end
    if string.find(id, '/', 1, true) and redis.call('EXISTS', queue) == 0 then
        redis.call('SREM', known, id)
    end
end
for i = 1, #pairs_to_hold, 1000 do
    redis.call('HSET', held, unpack(pairs_to_hold, i, math.min(i + 999, #pairs_to_hold)))
end
if #records > 0 then
    redis.call('HSET', holders, worker, number)
end
return records
