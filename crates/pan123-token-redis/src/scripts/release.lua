-- KEYS: the lease record. ARGV: the owner, how many ms of cooldown.
if read(KEYS[1]) ~= ARGV[1] then return false end
if ARGV[2] == '0' then
    redis.call('DEL', KEYS[1])
elseif redis.pcall('SET', KEYS[1], 'cool', 'PX', ARGV[2]).err then
    -- Where the memory is full, the lease of an owner that never asks again keeps the others away as well.
    redis.call('PEXPIRE', KEYS[1], ARGV[2])
end
return false
