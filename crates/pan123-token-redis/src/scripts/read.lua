-- What stands under a key, up to a byte more than a reader takes. Nothing, and what is no string, is ''.
local function read(key)
    if redis.call('TYPE', key).ok ~= 'string' then return '' end
    return redis.call('GETRANGE', key, 0, 65536)
end

