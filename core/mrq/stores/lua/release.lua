-- Free or extend a lock, if it is still ours.
-- KEYS[1]  P:lock:<name>   text: the key of whoever holds it; expires by itself
-- ARGV[1]  our key
-- ARGV[2]  milliseconds to extend it by, or "0" to free it
if redis.call('GET', KEYS[1]) ~= ARGV[1] then
    return 0
end
if ARGV[2] == '0' then
    return redis.call('DEL', KEYS[1])
end
return redis.call('PEXPIRE', KEYS[1], ARGV[2])
