"""Delete the state of hosts that workers share when the clock of Redis was set back: its times lie ahead."""

from redis import Redis

SEEN = "postersite:clock"
# Turns, slow-downs, slots and circuits; robots.txt, which would be kept for too long.
_SHARED = ("postersite:pace:*", "postersite:slots:*", "postersite:breaker:*", "postersite:robots:*")
_TOLERANCE_MS = 60_000

_LOOK = """
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
local seen = tonumber(redis.call('GET', KEYS[1]) or '0')
redis.call('SET', KEYS[1], string.format('%d', now))
return now < seen - tonumber(ARGV[1]) and 1 or 0
"""


def forget_after_set_back(client: Redis) -> bool:
    """Delete the state if the clock went back since the last call; returns whether it did.

    Call it every few seconds. Afterwards requests start as on a new site. Raises RedisError.
    """
    if not client.register_script(_LOOK)(keys=[SEEN], args=[_TOLERANCE_MS]):
        return False
    for pattern in _SHARED:
        for key in client.scan_iter(match=pattern, count=1000):
            client.delete(key)
    return True
