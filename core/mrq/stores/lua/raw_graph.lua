-- Count the members of a sorted set between several pairs of scores, all at the same moment.
-- KEYS[1]  P:q:<queue id>
-- ARGV  lower and upper bounds in turn, as ZCOUNT takes them
local counts = {}
for i = 1, #ARGV, 2 do
    counts[#counts + 1] = redis.call('ZCOUNT', KEYS[1], ARGV[i], ARGV[i + 1])
end
return counts
