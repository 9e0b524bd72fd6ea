"""time_oracle.py TIME_ANSWERS [SEED]: compares our calendar and time zones with Python's.

Random times of the years 1 to 9999; for the zones, random times of 1970 to 2100 and the seconds
around every change of offset in these years, read both ways. A local time that happens twice or
never is read with the lesser of the two offsets, as PostgreSQL does.
"""
import datetime as dt
import random
import subprocess
import sys
import zoneinfo

FIRST = ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Africa/Casablanca"]
MORE = ["Europe/Dublin", "Europe/Moscow", "Asia/Kolkata", "Asia/Kathmandu", "Pacific/Apia",
        "America/Sao_Paulo", "America/St_Johns", "America/Caracas", "Antarctica/Troll", "Asia/Gaza",
        "America/Godthab", "Pacific/Kwajalein", "Africa/Cairo", "Asia/Tehran", "UTC", "EST5EDT"]
EPOCH = dt.datetime(1970, 1, 1)
MICROSECOND = dt.timedelta(microseconds=1)
YEAR_1, YEAR_10000 = -62135596800 * 10**6, 253402300800 * 10**6
Y1970, Y2100 = 0, 4102444800 * 10**6


def moment(us):
    return EPOCH + us * MICROSECOND


def micros(when):
    return (when - EPOCH) // MICROSECOND


def offset(zone, us):
    when = moment(us).replace(tzinfo=dt.timezone.utc).astimezone(zone)
    return int(when.utcoffset().total_seconds())


def to_utc(zone, local_us):
    local = moment(local_us).replace(tzinfo=zone)
    either = [local.replace(fold=fold).utcoffset() for fold in (0, 1)]
    return local_us - int(min(either).total_seconds()) * 10**6


def changes(zone):
    """The seconds at which the offset changes, found by halving steps of four days."""
    step, found = 4 * 86400, []
    last, last_offset = 0, offset(zone, 0)
    for at in range(step, Y2100 // 10**6, step):
        now = offset(zone, at * 10**6)
        if now != last_offset:
            low, high = last, at
            while high - low > 1:
                middle = (low + high) // 2
                if offset(zone, middle * 10**6) == last_offset:
                    low = middle
                else:
                    high = middle
            found.append((high, last_offset, now))
        last, last_offset = at, now
    return found


def calendar(rng):
    for _ in range(3000):
        us = rng.randrange(YEAR_1, YEAR_10000)
        us -= us % rng.choice([1, 1000, 1000000, 86400 * 10**6])
        when = moment(us)
        spec = "microseconds" if us % 1000 else "milliseconds" if us % 10**6 else "seconds"
        yield f"put {us}", when.isoformat(timespec=spec) + "Z"
        yield f"fields {us}", " ".join(map(str, (
            when.year, when.month, when.day, when.hour, when.minute, when.second,
            when.microsecond, when.isoweekday(), when.timetuple().tm_yday)))
        minutes = rng.randrange(-23 * 60, 23 * 60)
        if dt.datetime.min + dt.timedelta(2) < when < dt.datetime.max - dt.timedelta(2):
            local = when.replace(tzinfo=dt.timezone.utc).astimezone(
                dt.timezone(dt.timedelta(minutes=minutes)))
            yield f"parse {local.isoformat()}", str(us)
    for _ in range(3000):  # days that may not be
        year, month, day = rng.randrange(0, 10000), rng.randrange(0, 14), rng.randrange(0, 33)
        try:
            expected = str(micros(dt.datetime(year, month, day)))
        except ValueError:
            expected = "no"
        yield f"parse {year:04}-{month:02}-{day:02}", expected


def zones(rng):
    for name in FIRST + MORE:
        zone = zoneinfo.ZoneInfo(name)
        for at, before, after in changes(zone):
            for second in (at - 1, at, at + 1, at - 3600, at + 3600):
                yield f"offset {name} {second * 10**6}", str(offset(zone, second * 10**6))
            edges = [at + before, at + after]
            inside = [sum(edges) // 2, rng.randrange(min(edges), max(edges) + 1)]
            for wall in inside + [edge + by for edge in edges for by in (-1, 0, 1)]:
                yield f"utc {name} {wall * 10**6}", str(to_utc(zone, wall * 10**6))
        for _ in range(300):
            us = rng.randrange(Y1970, Y2100)
            yield f"offset {name} {us}", str(offset(zone, us))
            yield f"utc {name} {us}", str(to_utc(zone, us))
        for _ in range(100):  # by the rule, far beyond the table
            us = rng.randrange(Y2100, YEAR_10000 - 2 * 86400 * 10**6)
            yield f"offset {name} {us}", str(offset(zone, us))


def main():
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else random.randrange(10**6)
    rng = random.Random(seed)
    asked = list(calendar(rng)) + list(zones(rng))
    run = subprocess.run([sys.argv[1]], input="\n".join(question for question, _ in asked) + "\n",
                         stdout=subprocess.PIPE, text=True, check=True)
    answers = run.stdout.splitlines()
    failed = abs(len(answers) - len(asked))
    for (question, expected), answer in zip(asked, answers):
        if answer != expected:
            failed += 1
            if failed < 20:
                print(f"{question}: {answer}, but Python says {expected}")
    print(f"seed {seed}: {len(asked)} answers, {failed} wrong")
    return failed > 0


sys.exit(main())
