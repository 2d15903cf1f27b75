-- Let go of what a worker holds: MongoDB has it, or it is done. Says which of them had been taken from the worker.
-- KEYS[1]  P:held:<root>:<worker>      hash: job id to record
-- KEYS[2]  P:rescued:<root>:<worker>   set: ids that were put back into their queue
-- ARGV  ids of jobs
-- An id that is in neither was let go by an earlier try of the same call: nothing is wrong with it.
redis.call('HDEL', KEYS[1], unpack(ARGV))
if redis.call('EXISTS', KEYS[2]) == 0 then
    return {}
end
local taken = {}
for _, id in ipairs(ARGV) do
    if redis.call('SISMEMBER', KEYS[2], id) == 1 then
        taken[#taken + 1] = id
    end
end
return taken
