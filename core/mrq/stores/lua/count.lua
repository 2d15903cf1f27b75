-- How many permits of a semaphore are held.
-- KEYS[1]  P:sem:<name>   sorted set: "<worker>:<permit>" -> when it frees itself, in milliseconds of this server
local time = redis.call('TIME')
return redis.call('ZCOUNT', KEYS[1], string.format('(%.0f', time[1] * 1000 + math.floor(time[2] / 1000)), '+inf')
