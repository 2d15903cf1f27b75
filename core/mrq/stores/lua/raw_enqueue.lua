-- Put payloads into a raw queue, and make its subqueue known, at once: a subqueue that another call finds empty and
-- drops in between would never be served.
-- KEYS[1]  P:q:<queue id>           list, set or sorted set
-- KEYS[2]  P:ksq:<root>             set: known subqueues
-- KEYS[3]  P:once:<root>:<token>    text: this very call was carried out (lists only; expires)
-- ARGV[1]  raw, set, sorted_set or timed_set
-- ARGV[2]  the queue's id if it is a subqueue, else ""
-- ARGV[3]  seconds after which the call may be forgotten
-- ARGV[4...]  payloads; for sorted sets score and payload in turn
local kind, subqueue = ARGV[1], ARGV[2]
if kind == 'raw' and not redis.call('SET', KEYS[3], '1', 'NX', 'EX', ARGV[3]) then
    return 0
end
if subqueue ~= '' then
    redis.call('SADD', KEYS[2], subqueue)
end
local command = ({raw = 'RPUSH', set = 'SADD', sorted_set = 'ZADD', timed_set = 'ZADD'})[kind]
redis.call(command, KEYS[1], unpack(ARGV, 4))
return 1
