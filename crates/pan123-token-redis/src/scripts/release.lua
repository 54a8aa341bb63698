-- KEYS: the gate. ARGV: the owner, for how many ms it stays cool.
if read(KEYS[1]) ~= ARGV[1] then return false end
if ARGV[2] == '0' then
    redis.call('DEL', KEYS[1])
elseif redis.pcall('SET', KEYS[1], 'cool', 'PX', ARGV[2]).err then
    -- Where the memory is full, an owner that never asks again shuts it as well.
    redis.call('PEXPIRE', KEYS[1], ARGV[2])
end
return false
