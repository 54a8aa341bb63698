#!/usr/bin/env python3
"""A second, naive judgement of replies, in another language: does the core agree?

    tests/naive/judge.py [N] [--seed S] [--answers PROGRAM]

Judges all vectors and N replies that are made of them by chance (20,000 unless said), and compares with what the core says.
Shows each difference, and ends with 1 if there is one. The core's answers come from `answers` in `tests/checks`, which is
built first unless a program is named.
"""

import argparse
import datetime
import json
import pathlib
import random
import re
import struct
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
SECRET = 'SENTINEL-secret/with"quote\\and+plus'
MAX_BODY = 65536
NONE = 0xFFFFFFFF
UTC = datetime.timezone.utc
EPOCH = datetime.datetime(1970, 1, 1, tzinfo=UTC)

# What the two say differently, and why that is so. Nothing yet: each entry is a function of reply, naive answer and the core's
# answer, with its reason.
EXPLAINED = []

# Python's reader recurses.
DEEP = object()


class Number(str):
    """A number as it is written."""


def no_constant(word):
    raise ValueError(word)


DECODER = json.JSONDecoder(
    object_pairs_hook=lambda pairs: tuple(pairs),
    parse_int=Number,
    parse_float=Number,
    parse_constant=no_constant,
)


def read(body):
    """The value, an object as a tuple of pairs; None if it is no JSON."""
    try:
        text = body.decode("utf-8")
        if text.startswith("\ufeff"):
            return None
        return [DECODER.decode(text)]
    except RecursionError:
        return DEEP
    except ValueError:
        return None


def is_text(value):
    if not isinstance(value, str) or isinstance(value, Number):
        return False
    return not any("\ud800" <= c <= "\udfff" for c in value)


def text(pairs, key):
    value = dict(pairs).get(key)
    return value if is_text(value) else None


def count(pairs, keys):
    return max([sum(name == key for name, _ in pairs) for key in keys])


def judge(status, retry_after, date, body):
    """Kind, code, message, trace id, token, expiry, server's time, wait; DEEP where Python can't tell."""
    wait = seconds_to_wait(retry_after, date)
    value = read(body) if len(body) <= MAX_BODY else None
    if value is DEEP:
        return DEEP
    pairs = value[0] if value and isinstance(value[0], tuple) else ()
    twice = bool(pairs) and count(pairs, ["code", "message", "x-traceID", "data"]) > 1
    if twice:
        pairs = ()
    spelled = dict(pairs).get("code")
    spelled = spelled if isinstance(spelled, str) and re.fullmatch("-?[0-9]+", spelled, re.ASCII) else None
    code = int(spelled) if spelled is not None else None
    fits = code is not None and -(2**63) <= code < 2**63
    shown_code = code if fits else None
    message, trace_id = text(pairs, "message"), text(pairs, "x-traceID")

    def error(kind):
        return (kind, shown_code, message, trace_id, None, None, None, wait)

    if status == 429 or code == 429:
        return error("rate_limited")
    if status == 408 or status >= 500 and status not in (501, 505) and status < 600:
        return error("unavailable")
    if len(body) > MAX_BODY and status < 400:
        return error("too_large")
    if twice:
        return error("malformed")
    if code is None:
        return error("not_api")
    if code != 0:
        return error("refused")
    data = dict(pairs).get("data")
    if not 200 <= status < 300 or not isinstance(data, tuple):
        return error("malformed")
    if data and count(data, ["accessToken", "expiredAt"]) > 1:
        return error("malformed")
    token, expired_at = text(data, "accessToken"), text(data, "expiredAt")
    if token is None or expired_at is None or not re.fullmatch("[!-~]+", token) or token == SECRET:
        return error("malformed")
    expiry = nanoseconds(expired_at)
    if expiry is None:
        return error("malformed")
    return ("grant", None, None, trace_id, token, expiry, http_date(date), None)


RFC_3339 = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)[Tt ](\d\d):(\d\d):(\d\d)(?:\.(\d+))?(?:([Zz])|([+-])(\d\d):(\d\d))", re.ASCII
)


def nanoseconds(text):
    """RFC 3339, or without a zone in China's time; only what lies in the years 0 to 9999."""
    if re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", text, re.ASCII):
        text += "+08:00"
    match = RFC_3339.fullmatch(text)
    if not match:
        return None
    year, month, day, hour, minute, second = map(int, match.groups()[:6])
    fraction = int(((match[7] or "") + "0" * 9)[:9])
    hours, minutes = (0, 0) if match[8] else (int(match[10]), int(match[11]))
    if hours > 23 or minutes > 59 or second > 60:
        return None
    offset = (hours * 3600 + minutes * 60) * (-1 if match[9] == "-" else 1)
    # Python has no year 0. It is like the year 400, which lies that many days later.
    shift = 400 if year < 400 else 0
    try:
        moment = datetime.datetime(year + shift, month, day, hour, minute, min(second, 59), tzinfo=UTC)
    except ValueError:
        return None
    whole = (moment - EPOCH) // datetime.timedelta(seconds=1) - offset
    if shift:
        whole -= 146097 * 86400
    first, last = -62167219200, 253402300799
    if not first <= whole <= last:
        return None
    if second == 60:
        # It ends a month of UTC.
        after = whole + 1
        days, rest = divmod(after, 86400)
        if rest or not starts_month(days):
            return None
        fraction = 999_999_999
    return whole * 10**9 + fraction


def starts_month(days):
    # 400 years later all is the same; and Python ends with the year 9999.
    shift = -146097 if days > 2_000_000 else 146097
    return (EPOCH + datetime.timedelta(days=days + shift)).day == 1


def http_date(value):
    if value is None:
        return None
    try:
        text = value.strip(b" \t\r\n\f").decode("ascii")
    except UnicodeDecodeError:
        return None
    months = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split()
    for form in (
        r"(?P<w>\w{3}), (?P<d>\d\d) (?P<m>\w{3}) (?P<y>\d{4}) (?P<h>\d\d):(?P<i>\d\d):(?P<s>\d\d) GMT",
        r"(?P<l>\w+), (?P<d>\d\d)-(?P<m>\w{3})-(?P<y>\d\d) (?P<h>\d\d):(?P<i>\d\d):(?P<s>\d\d) GMT",
        r"(?P<w>\w{3}) (?P<m>\w{3}) (?P<d>[ \d]\d) (?P<h>\d\d):(?P<i>\d\d):(?P<s>\d\d) (?P<y>\d{4})",
    ):
        match = re.fullmatch(form, text, re.ASCII)
        if match:
            break
    else:
        return None
    found = match.groupdict()
    if found["m"] not in months:
        return None
    year = int(found["y"])
    if len(found["y"]) == 2:
        year += 2000 if year < 70 else 1900
    numbers = [int(found[key]) for key in "dhis"]
    try:
        moment = datetime.datetime(year, months.index(found["m"]) + 1, *numbers, tzinfo=UTC)
    except ValueError:
        return None
    weekdays = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"]
    weekday = weekdays[moment.weekday()]
    if year < 1970 or found.get("w", weekday[:3]) != weekday[:3] or found.get("l", weekday) != weekday:
        return None
    return (moment - EPOCH) // datetime.timedelta(seconds=1)


def seconds_to_wait(value, date):
    if value is None:
        return None
    text = value.strip(b" \t\r\n\f")
    if re.fullmatch(rb"[0-9]+", text):
        return min(int(text), 3600)
    until, now = http_date(value), http_date(date)
    if until is None or now is None:
        return None
    return min(max(until - now, 0), 3600)


def plainly(text, limit, reply):
    """The text as it must be shown, where nothing speaks against that: printable ASCII with nothing of the reply's other
    texts or the client secret in it."""
    if not re.fullmatch("[ -~]*", text) or re.search(r"[\\%+]|ey[JA]|ew[o0k]", text):
        return None
    if b"\\" in reply or len(reply) > 4096:
        return None
    others = {it.decode("utf-8", "replace") for it in re.findall(rb'"([^"]*)"', reply)}
    for other in others - {text} | {SECRET}:
        part = max(1, min(len(other), 4))
        if any(other[at : at + part] in text for at in range(len(other) - part + 1)):
            return None
    return text if len(text) <= limit else text[: limit - 1] + "…"


def vectors():
    for path in sorted((ROOT / "tests/vectors").rglob("*.http")):
        keys, rest = path.read_bytes().split(b"\n---\n", 1)
        head, body = rest.split(b"\n\n", 1)
        lines = head.split(b"\n")
        headers = {}
        for line in lines[1:]:
            name, value = line.split(b": ", 1)
            headers.setdefault(name.lower(), []).append(value)
        waits = headers.get(b"retry-after", [])
        if len(waits) > 1:
            continue
        fill = re.search(rb"^fill: (.*) (\d+)$", keys, re.MULTILINE)
        if fill:
            unescape = lambda part: re.sub(rb"\\u\{(\w+)\}", lambda it: chr(int(it[1], 16)).encode(), part)
            parts = [unescape(part) for part in fill[1].split(b" ")]
            fixed = body.split(b"<FILL>")
            times = (int(fill[2]) - sum(map(len, fixed))) // sum(map(len, parts))
            body = b"".join(it + part * times for it, part in zip(fixed, parts + [b""]))
        date = headers.get(b"date", [None])[0]
        yield path.stem, (int(lines[0].split(b" ")[1]), waits[0] if waits else None, date, body)


def header(value):
    """Only what a header can hold."""
    if value is None:
        return None
    return bytes(byte for byte in value if byte in (9,) or 32 <= byte != 127)


def mutated(replies, words, chance):
    """One reply made of two, with a few changes."""
    status, wait, date, body = chance.choice(replies)
    other = chance.choice(replies)
    if chance.random() < 0.2:
        status = chance.choice([200, 200, 201, 204, 302, 400, 401, 404, 408, 429, 500, 501, 502, 503, 505, 599, 999])
    if chance.random() < 0.15:
        wait = chance.choice([other[1], other[2], wait])
    if chance.random() < 0.15:
        date = chance.choice([other[2], other[1], date])
    body = bytearray(body if len(body) < 3000 or chance.random() < 0.01 else b'{"code":0}')
    for _ in range(chance.choice([0, 1, 1, 1, 2, 3, 6])):
        at = chance.randrange(len(body) + 1)
        to = min(len(body), at + chance.choice([0, 0, 1, 1, 2, 4, 8, 30]))
        kind = chance.randrange(5)
        if kind == 0:
            body[at:to] = bytes([chance.randrange(256)])
        elif kind == 1:
            del body[at:to]
        elif kind == 2:
            body[at:to] = chance.choice(words)
        elif kind == 3:
            body[at:at] = body[at:to]
        else:
            start = chance.randrange(len(other[3]) + 1)
            body[at:to] = other[3][start : start + chance.choice([1, 4, 20, 60])][:60]
    if chance.random() < 0.1 and date:
        date = bytearray(date)
        date[chance.randrange(len(date))] = chance.choice(b"0123456789 ,:GMTadun-")
    if chance.random() < 0.1 and wait:
        wait = bytearray(wait)
        wait[chance.randrange(len(wait))] = chance.choice(b"0123456789 ,:GMTadun-")
    return status, header(wait), header(date), bytes(body)


def core_answers(program, replies):
    frames = bytearray()
    for status, wait, date, body in replies:
        lengths = [NONE if it is None else len(it) for it in (wait, date)]
        frames += struct.pack("<4I", status, *lengths, len(body)) + (wait or b"") + (date or b"") + body
    output = subprocess.run([program], input=bytes(frames), stdout=subprocess.PIPE, check=True).stdout
    for line in output.decode().splitlines():
        kind, code, message, trace_id, token, expiry, server_time, wait = line.split("\t")
        number = lambda it: None if it == "-" else int(it)
        said = lambda it: None if it == "-" else bytes.fromhex(it[1:]).decode()
        yield (kind, number(code), said(message), said(trace_id), said(token), number(expiry), number(server_time), number(wait))


def difference(reply, naive, core):
    """What the two say differently; None where they agree."""
    names = ("kind", "code", "message", "trace id", "token", "expiry", "server's time", "Retry-After")
    for at, name in enumerate(names):
        ours, theirs = naive[at], core[at]
        if name in ("message", "trace id"):
            if ours is not None and theirs is not None:
                ours = plainly(ours, 200 if name == "message" else 128, reply[3])
                theirs = theirs if ours is not None else None
        if ours != theirs and not any(it(reply, naive, core) for it, _ in EXPLAINED):
            return f"{name}: {ours!r}, and the core says {theirs!r}"
    return None


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("n", nargs="?", type=int, default=20_000)
    arguments.add_argument("--seed", type=int, default=1)
    arguments.add_argument("--answers")
    arguments = arguments.parse_args()
    program = arguments.answers
    if program is None:
        build = ["cargo", "build", "-q", "--locked", "-p", "pan123-token-checks", "--bin", "answers"]
        subprocess.run(build, cwd=ROOT, check=True)
        metadata = subprocess.run(
            ["cargo", "metadata", "--format-version", "1", "--no-deps"], cwd=ROOT, check=True, stdout=subprocess.PIPE
        )
        program = pathlib.Path(json.loads(metadata.stdout)["target_directory"]) / "debug/answers"
    # A long number must not be an error.
    sys.set_int_max_str_digits(0)
    named = list(vectors())
    chance = random.Random(arguments.seed)
    dictionary = (ROOT / "fuzz/dictionaries/response.dict").read_text()
    words = [json.loads(line).encode() for line in dictionary.splitlines() if re.fullmatch(r'"[^\\]*"|"(?:\\"|[^\\])*"', line)]
    plain = [reply for _, reply in named]
    judged = deep = differences = grants = 0
    batch = named
    left = arguments.n
    while batch:
        replies = [reply for _, reply in batch]
        for (name, reply), core in zip(batch, core_answers(program, replies), strict=True):
            naive = judge(*reply)
            judged += 1
            if naive is DEEP:
                deep += 1
                continue
            grants += core[0] == "grant"
            said = difference(reply, naive, core)
            if said:
                differences += 1
                if differences <= 20:
                    print(f"{name}: {said}\n  {reply[:3]} {reply[3][:300]!r}")
        size = min(left, 10_000)
        left -= size
        batch = [(f"reply {arguments.n - left - size + at}", mutated(plain, words, chance)) for at in range(size)]
    print(f"{judged} replies, {len(named)} of them vectors, {grants} grants: {differences} differences; {deep} too deep to tell")
    return 1 if differences or judged < len(named) or grants == 0 else 0


if __name__ == "__main__":
    sys.exit(main())
