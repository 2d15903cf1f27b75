-- Forget a worker that holds nothing.
-- KEYS[1]  P:held:<root>:<worker>   hash: job id to record
-- KEYS[2]  P:holders:<root>         hash: worker to the number of its last take
-- ARGV[1]  the worker
if redis.call('EXISTS', KEYS[1]) == 0 then
    return redis.call('HDEL', KEYS[2], ARGV[1])
end
return 0
