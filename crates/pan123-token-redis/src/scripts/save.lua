-- KEYS: the record. ARGV: what is taken to stand there, what is to take its place, for how many ms.
local stored = read(KEYS[1])
if stored ~= ARGV[1] then return {stored, redis.call('PTTL', KEYS[1])} end
redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
return false
