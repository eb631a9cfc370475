"""The state of hosts that all workers share in Redis: its clock, its keys, and what a clock change deletes.

Times are milliseconds on the clock of Redis, because the clocks of workers may differ. Every key expires some
time after it has lost its effect. Host names are `host` or `host:port`.
"""

from redis import Redis

# Lua: the time in milliseconds as `now`.
NOW = """
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
"""
# How long a key is stored after it has lost its effect.
EXPIRY_MARGIN_MS = 60_000
CLOCK_KEY = "postersite:clock"
_PREFIXES = ("postersite:pace:", "postersite:slots:", "postersite:breaker:", "postersite:robots:")
_CLOCK_TOLERANCE_MS = 60_000

_WAS_SET_BACK = f"""{NOW}
local last = tonumber(redis.call('GET', KEYS[1]) or '0')
redis.call('SET', KEYS[1], string.format('%d', now))
return now < last - {_CLOCK_TOLERANCE_MS} and 1 or 0
"""


def milliseconds(seconds: float) -> int:
    return max(round(seconds * 1000), 0)


def delete_after_set_back(client: Redis) -> bool:
    """Delete the state if the clock was set back since the last call; returns whether it was.

    Without this, hosts would get no requests until the clock has caught up. Call it every few seconds. Raises
    RedisError.
    """
    if not client.register_script(_WAS_SET_BACK)(keys=[CLOCK_KEY]):
        return False
    for prefix in _PREFIXES:
        for key in client.scan_iter(match=f"{prefix}*", count=1000):
            client.delete(key)
    return True
