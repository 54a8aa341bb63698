-- KEYS: the record, or the lease record.
return {read(KEYS[1]), redis.call('PTTL', KEYS[1])}
