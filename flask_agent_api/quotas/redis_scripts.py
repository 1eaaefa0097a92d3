"""What Redis does for counters, by its own clock. Times are milliseconds; all may be done twice without harm."""

from __future__ import annotations

from ..conversations.redis_scripts import Script

_NOW = """
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local day = math.floor(now / 86400000)
"""

ADMIT = Script(
    "count a request",
    _NOW
    + """
local rpm, streams, tokens = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local ticket, lease = ARGV[4], tonumber(ARGV[5])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now - 60000)
redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', now)
local kept = redis.call('HMGET', KEYS[3], 'day', 'tokens')
local spent = tonumber(kept[1] or -1) == day and tonumber(kept[2]) or 0
local asked, working = redis.call('ZCARD', KEYS[1]), redis.call('ZCARD', KEYS[2])
local refused, wait = '', 0
if not (redis.call('ZSCORE', KEYS[1], ticket) or redis.call('ZSCORE', KEYS[2], ticket)) then
  if tokens > 0 and spent >= tokens then
    refused, wait = 'tokens', (day + 1) * 86400000 - now
  elseif rpm > 0 and asked >= rpm then
    local first = redis.call('ZRANGE', KEYS[1], asked - rpm, asked - rpm, 'WITHSCORES')
    refused, wait = 'requests', first[2] + 60000 - now
  elseif streams > 0 and working >= streams then
    refused, wait = 'streams', 1000
  else
    if rpm > 0 then
      redis.call('ZADD', KEYS[1], now, ticket)
      redis.call('PEXPIRE', KEYS[1], 60000)
      asked = asked + 1
    end
    if streams > 0 then
      redis.call('ZADD', KEYS[2], now + lease, ticket)
      redis.call('PEXPIRE', KEYS[2], lease)
      working = working + 1
    end
  end
end
local last = redis.call('ZRANGE', KEYS[1], -1, -1, 'WITHSCORES')[2]
return {refused, wait, asked, last and last + 60000 - now or 0, working, spent, (day + 1) * 86400000 - now}
""",
)
"""Keys: requests, streams, tokens. Limits, ticket, lease -> what a Standing has."""

RENEW = Script(
    "renew a request",
    _NOW
    + """
redis.call('ZADD', KEYS[1], now + ARGV[2], ARGV[1])
redis.call('PEXPIRE', KEYS[1], ARGV[2])
""",
)
"""Key: streams. Ticket, lease -> nothing."""

SPEND = Script(
    "count tokens",
    _NOW
    + """
if not redis.call('SET', KEYS[2], 1, 'NX', 'PX', 60000) then return end
if tonumber(redis.call('HGET', KEYS[1], 'day') or -1) ~= day then
  redis.call('DEL', KEYS[1])
  redis.call('HSET', KEYS[1], 'day', day)
end
redis.call('HINCRBY', KEYS[1], 'tokens', ARGV[1])
redis.call('PEXPIRE', KEYS[1], 2 * 86400000)
""",
)
"""Keys: tokens, one that says that this was done. Tokens -> nothing."""
