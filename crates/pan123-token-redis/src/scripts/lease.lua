-- KEYS: the record, the lease record. ARGV: the owner, the term in ms.
local holder = read(KEYS[2])
-- A lease record that has no end, or is none, counts as absent: nothing shuts all hosts out for good.
if holder == '' or holder == ARGV[1] or redis.call('PTTL', KEYS[2]) < 0 then
    holder = ARGV[1]
    redis.call('SET', KEYS[2], holder, 'PX', ARGV[2])
end
return {holder, redis.call('PTTL', KEYS[2]), read(KEYS[1]), redis.call('PTTL', KEYS[1])}
