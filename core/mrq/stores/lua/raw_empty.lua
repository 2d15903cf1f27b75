-- Delete raw queues of one root. What workers hold of them is left to these.
-- KEYS[1]  P:ksq:<root>             set: known subqueues
-- KEYS[2]  P:losses:<root>          hash: payload to count
-- KEYS[3...]  P:q:<queue id>
-- ARGV  the ids of those queues
for i = 1, #ARGV do
    redis.call('DEL', KEYS[i + 2])
    redis.call('SREM', KEYS[1], ARGV[i])
end
if redis.call('EXISTS', KEYS[1]) == 0 then
    redis.call('DEL', KEYS[2])
end
return #ARGV
