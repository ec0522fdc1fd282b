# SPDX-License-Identifier: Apache-2.0
#
# zone_oracle.py SEED N: about N lines "ZONE u UTC OFFSET" and "ZONE l LOCAL UTC", as Python's zoneinfo has them. Half of the
# instants are within two hours of a change of the clock, so that gaps and overlaps are met.
import datetime
import random
import sys
import zoneinfo

seed, n = int(sys.argv[1]), int(sys.argv[2])
rng = random.Random(seed)
ODD = ("Asia/Kathmandu Australia/Lord_Howe America/St_Johns Pacific/Apia Pacific/Chatham Africa/Casablanca Europe/Dublin "
       "America/Caracas Asia/Pyongyang Asia/Gaza Antarctica/Troll Europe/London America/New_York America/Sao_Paulo Asia/Tehran "
       "Africa/Monrovia Europe/Amsterdam Pacific/Kiritimati America/Santiago America/Nuuk Australia/Sydney Pacific/Auckland "
       "Asia/Kolkata Africa/El_Aaiun America/Scoresbysund Asia/Manila Europe/Moscow UTC").split()
EPOCH = datetime.datetime(1970, 1, 1)
UTC = datetime.timezone.utc
FIRST = int((datetime.datetime(1840, 1, 1) - EPOCH).total_seconds())
LAST = int((datetime.datetime(2200, 1, 1) - EPOCH).total_seconds())


def offset(zone, utc):
    at = (EPOCH + datetime.timedelta(seconds=utc)).replace(tzinfo=UTC).astimezone(zone)
    return int(at.utcoffset().total_seconds())


def changes(zone):
    found, step = [], 20 * 86400
    before = offset(zone, FIRST)
    for t in range(FIRST, LAST, step):
        now = offset(zone, t + step)
        if now != before:
            low, high = t, t + step
            while high - low > 1:
                middle = (low + high) // 2
                if offset(zone, middle) == before:
                    low = middle
                else:
                    high = middle
            found.append(high)
            before = now
    return found


zones = {}
for name in ODD:
    zone = zoneinfo.ZoneInfo(name)
    zones[name] = (zone, changes(zone))
others = sorted(zoneinfo.available_timezones() - set(ODD) - {"localtime"})
for i in range(n // 2):
    if i % 4 == 0:
        name = rng.choice(others)
        zone, near = zoneinfo.ZoneInfo(name), []
    else:
        name = rng.choice(ODD)
        zone, near = zones[name]
    utc = rng.choice(near) + rng.randint(-7200, 7200) if near and i % 2 else rng.randint(FIRST, LAST)
    print(name, "u", utc, offset(zone, utc))
    local = utc + offset(zone, utc) + (rng.randint(-7200, 7200) if i % 2 else 0)
    naive = EPOCH + datetime.timedelta(seconds=local)
    print(name, "l", local, local - int(naive.replace(tzinfo=zone, fold=0).utcoffset().total_seconds()))
