# SPDX-License-Identifier: Apache-2.0
"""An independent account of when cron expressions mean in time zones, by cronsim and Python's zoneinfo.

Reads a JSON request: from, to (years), zones, expressions, and files of 64-bit instants, one for each zone and expression, that the program under test
made. cronsim gives the wall-clock times without any zone. Each is looked up in zoneinfo: one that exists runs at its first occurrence (fold 0), one in a
gap at the first instant after it. The set of these instants must be the file's.

Then cronsim is asked for the same with the zone, which it handles by Debian's rules. Each difference must be explained by one of the two rules,
'repeated' (cronsim runs a second occurrence) or 'moved' (a gap's run, which cronsim leaves out or puts elsewhere in the gap's wake), or be 'half an
hour': on the day of a change by 30 minutes cronsim counts whole hours of UTC where hours are stepped.
"""
import array
import json
import sys
from datetime import datetime, timedelta, timezone
from zoneinfo import ZoneInfo

from cronsim import CronSim

EPOCH = datetime(1970, 1, 1)
request = json.load(sys.stdin)
start, end = datetime(request["from"], 1, 1), datetime(request["to"], 1, 1)


def seconds(naive):
    return round((naive - EPOCH).total_seconds())


def offset_at(instant, zone):
    return round(datetime.fromtimestamp(instant, timezone.utc).astimezone(zone).utcoffset().total_seconds())


def walls(expression):
    found = []
    for wall in CronSim(expression, start - timedelta(minutes=1)):
        if wall >= end:
            return found
        found.append(wall)
    return found


def instant_of(wall, zone):
    """The instant, and whether the wall-clock time exists."""
    first = wall.replace(tzinfo=zone).utcoffset()
    second = wall.replace(tzinfo=zone, fold=1).utcoffset()
    earlier = seconds(wall) - round(first.total_seconds())
    if first == second or offset_at(earlier, zone) == round(first.total_seconds()):
        return earlier, True
    # A gap: with the offset that holds after it the wall-clock time lies before the change, with the one before it after it.
    low, high = seconds(wall) - round(second.total_seconds()), earlier
    before = offset_at(low, zone)
    while high - low > 1:
        middle = (low + high) // 2
        if offset_at(middle, zone) == before:
            low = middle
        else:
            high = middle
    return high, False


def aware(expression, zone):
    found = set()
    for moment in CronSim(expression, (start - timedelta(minutes=1)).replace(tzinfo=zone)):
        if moment.replace(tzinfo=None) >= end:
            return found
        found.add(round(moment.timestamp()))
    return found


def is_second_occurrence(instant, zone):
    return datetime.fromtimestamp(instant, timezone.utc).astimezone(zone).fold == 1


report = {"runs": 0, "moved": 0, "collapsed": 0, "repeated": 0, "wrong": [], "compared": 0, "libraryMoved": 0, "libraryRepeated": 0, "libraryHalfHour": 0,
          "unexplained": []}
for number, expression in enumerate(request["expressions"]):
    naive = walls(expression)
    for zone_number, name in enumerate(request["zones"]):
        zone = ZoneInfo(name)
        expected, gaps = set(), set()
        for wall in naive:
            instant, exists = instant_of(wall, zone)
            if exists and wall.replace(tzinfo=zone, fold=1).utcoffset() != wall.replace(
                    tzinfo=zone).utcoffset():
                report["repeated"] += 1
            if not exists:
                gaps.add(instant)
                report["moved"] += 1
            report["collapsed"] += instant in expected
            expected.add(instant)
        ours = array.array("q")
        with open(f"{request['folder']}/{zone_number}-{number}", "rb") as file:
            ours.frombytes(file.read())
        found = set(ours)
        report["runs"] += len(expected)
        if found != expected or len(found) != len(ours) or list(ours) != sorted(ours):
            first = min(found ^ expected, default=0)
            report["wrong"].append(f"{expression} {name}: {len(found - expected)} too many, {len(expected - found)} missing; first {first}")
        if len(naive) > request["libraryRunsMax"]:
            continue
        report["compared"] += 1
        library = aware(expression, zone)
        for instant in library - found:
            if is_second_occurrence(instant, zone):
                report["libraryRepeated"] += 1
            elif any(offset_at(instant, zone) - offset_at(instant - back * 3600, zone) in (1800, -1800) for back in (6, 12, 18, 24)):
                report["libraryHalfHour"] += 1
            elif any(gap <= instant < gap + 86_400 for gap in gaps):
                report["libraryMoved"] += 1
            else:
                report["unexplained"].append(f"{expression} {name}: only cronsim runs at {instant}")
        for instant in found - library:
            if instant in gaps:
                report["libraryMoved"] += 1
            elif any(offset_at(instant, zone) - offset_at(instant - back * 3600, zone) in (1800, -1800) for back in (6, 12, 18, 24)):
                # cronsim steps whole hours of UTC, and so misses whole hours of the wall on the day of a change by half of one.
                report["libraryHalfHour"] += 1
            else:
                report["unexplained"].append(f"{expression} {name}: cronsim does not run at {instant}")
json.dump(report, sys.stdout)
