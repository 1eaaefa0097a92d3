"""What Redis does for a store, each script at once and by Redis' own clock.

A log is one Redis list, so that it expires, is evicted and is deleted as a whole: its first element is the *head*, as
JSON, then come the entries. The head has the ``revision``, how many entries there are (``count``) and their bytes
(``size``), ``created`` and ``used``, when its time is up (``ends``), who leased it (``owner``) and until when
(``till``), whether that holder is ``unwanted``, and the ``stamps`` of the last writes. Times are milliseconds since
1970.

Each script touches keys of one hash tag only, as Redis Cluster requires, and begins with a write that Redis refuses if
it has no memory left, so that it does everything or nothing.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import field

Argument = str | bytes | int


@dataclass(frozen=True, slots=True)
class Script:
    """A script; ``name`` is for the log. Redis finds it by its ``sha`` once it has seen the ``source``."""

    name: str
    source: str
    sha: str = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "sha", hashlib.sha1(self.source.encode()).hexdigest())

    def call(self, keys: Sequence[str], *arguments: Argument) -> Call:
        """The script with all it needs."""
        return Call(self, (len(keys), *keys, *arguments))


@dataclass(frozen=True, slots=True)
class Call:
    """A script and what follows it in the command that runs it."""

    script: Script
    rest: tuple[Argument, ...]


_HEAD = """
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local text = redis.call('LINDEX', KEYS[1], 0)
local head = text and cjson.decode(text)
local held = head and head.till > now

local function set_head()
  redis.call('LSET', KEYS[1], 0, cjson.encode(head))
end

local function set_expiry()
  redis.call('PEXPIREAT', KEYS[1], math.max(head.ends, head.till))
end
"""

LEASE = Script(
    "lease",
    _HEAD
    + """
local owner, ttl = ARGV[1], ARGV[2]
if held and head.owner ~= owner then return false end
if not head then
  head = {revision = 0, count = 0, size = 0, created = now, used = now, ends = 0, stamps = {}}
  redis.call('RPUSH', KEYS[1], '')
end
head.owner, head.till, head.unwanted = owner, now + ttl, false
set_head()
set_expiry()
return {head.revision, redis.call('LRANGE', KEYS[1], 1, -1)}
""",
)
"""Owner, milliseconds -> the revision and the entries; nothing if another holds it."""

RENEW = Script(
    "renew",
    _HEAD
    + """
local owner, ttl = ARGV[1], ARGV[2]
if not held or head.owner ~= owner then return 'lost' end
head.till = now + ttl
set_head()
set_expiry()
return head.unwanted and 'unwanted' or 'held'
""",
)
"""Owner, milliseconds -> a LeaseState's value."""

RELEASE = Script(
    "release",
    _HEAD
    + """
if not head or head.owner ~= ARGV[1] then return end
if head.revision == 0 or head.ends <= now then
  redis.call('DEL', KEYS[1])
  return
end
head.owner, head.till = '', 0
set_head()
set_expiry()
""",
)
"""Owner -> nothing."""

WRITE = Script(
    "write",
    _HEAD
    + """
local owner, revision, keep = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
local ttl, release, stamp = ARGV[4], ARGV[5], ARGV[6]
for _, done in ipairs(head and head.stamps or {}) do
  if done == stamp then return 1 end
end
if not held or head.owner ~= owner or head.revision ~= revision then return 0 end
keep = math.min(keep, head.count)
for _, dropped in ipairs(redis.call('LRANGE', KEYS[1], keep + 1, -1)) do
  head.size = head.size - #dropped
end
for i = 7, #ARGV do
  head.size = head.size + #ARGV[i]
end
head.revision, head.count, head.used, head.ends = revision + 1, keep + #ARGV - 6, now, now + ttl
table.insert(head.stamps, 1, stamp)
head.stamps[5] = nil
if release == '1' then
  head.owner, head.till = '', 0
end
set_head()
redis.call('LTRIM', KEYS[1], 0, keep)
for i = 7, #ARGV do
  redis.call('RPUSH', KEYS[1], ARGV[i])
end
set_expiry()
return 1
""",
)
"""Owner, revision, keep, milliseconds, release, stamp, entries -> whether it was written, now or before."""

READ = Script(
    "read",
    _HEAD
    + """
if not head then return false end
local entries = redis.call('LRANGE', KEYS[1], ARGV[1] + 1, -1)
return {head.revision, held and 1 or 0, entries, head.created, head.used}
""",
)
"""First entry -> the revision, whether it is leased, the entries, its times; nothing if there is no such log."""

CANCEL = Script(
    "cancel",
    _HEAD
    + """
if not held then return 0 end
head.unwanted = true
set_head()
return 1
""",
)
"""Nothing -> whether somebody holds it."""

DELETE = Script(
    "delete",
    _HEAD
    + """
if not head then return redis.call('GET', KEYS[2]) == ARGV[1] and 1 or 0 end
redis.call('DEL', KEYS[1])
if head.revision == 0 then return 0 end
redis.call('SET', KEYS[2], ARGV[1], 'PX', 60000)
return 1
""",
)
"""Stamp -> whether there was a log. The second key keeps the stamp, for who has to ask again."""

FORGET = Script(
    "forget",
    _HEAD
    + """
if held then return 0 end
redis.call('DEL', KEYS[1])
return 1
""",
)
"""Nothing -> whether it is gone: nobody held it."""

INDEX = Script(
    "index",
    """
local time = redis.call('TIME')
local score = time[1] * 1000000 + time[2]
local last = redis.call('ZREVRANGE', KEYS[1], 0, 0, 'WITHSCORES')[2]
if last and tonumber(last) >= score then score = tonumber(last) + 1 end
local member, ttl = ARGV[1], tonumber(ARGV[2])
redis.call('ZADD', KEYS[1], string.format('%.0f', score), member)
if KEYS[2] then redis.call('ZADD', KEYS[2], string.format('%.0f', score + ttl * 1000), member) end
for _, key in ipairs(KEYS) do
  if redis.call('PTTL', key) < ttl + 86400000 then redis.call('PEXPIRE', key, ttl + 86400000) end
end
""",
)
"""Member, milliseconds -> nothing. Makes it the last in order of use; the second key is for the order of their ends."""

UNINDEX = Script(
    "unindex",
    """
local score = redis.call('ZSCORE', KEYS[1], ARGV[1])
if not score or tonumber(score) > tonumber(ARGV[2]) then return end
for _, key in ipairs(KEYS) do redis.call('ZREM', key, ARGV[1]) end
""",
)
"""Member, score -> nothing. Takes it out, unless it was used since the score."""
