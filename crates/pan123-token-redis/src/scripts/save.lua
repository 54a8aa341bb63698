-- KEYS: the record. ARGV: what is taken to stand there, what is to take its place, and when that ends by this server's
-- clock, in ms since 1970. Without an end, it is only looked at.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local stored = read(KEYS[1])
if stored ~= ARGV[1] or ARGV[3] == '' then
    return {stored, redis.call('PTTL', KEYS[1]), now}
end
-- A server that was stopped carries this out late: the token has no more life left for that.
if now < tonumber(ARGV[3]) then redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3] - now) end
return false
