# SPDX-License-Identifier: Apache-2.0
"""Samples in, a table and the verdict on the targets out."""

import statistics

TITLES = {
    "first": "first sync", "idle": "nothing to do", "idle-new-only": "nothing to do, no flags",
    "changes": "+100 messages, 500 changed flags", "list": "one LIST-STATUS conversation",
    "upload": "upload alone", "download": "download alone",
}
MIB = 1024  # of KiB


class Results:
    """samples[(mailbox, scenario, contestant)] → list of dicts."""

    def __init__(self):
        self.samples = {}

    def add(self, mailbox, scenario, contestant, sample, counts=None):
        sample = dict(sample)
        if counts:
            for key in ("connections", "turns", "round_trips", "bytes_up", "bytes_down"):
                sample[key] = sum(c[key] for c in counts)
            sample["round_trips_in_a_row"] = max(c["round_trips_longest"] for c in counts)
        self.samples.setdefault((mailbox, scenario, contestant), []).append(sample)
        return sample

    def median(self, mailbox, scenario, contestant, key="seconds"):
        """None where it was not measured."""
        values = [s[key] for s in self.samples.get((mailbox, scenario, contestant), [])
                  if s.get(key) is not None]
        return statistics.median(values) if values else None

    def elsewhere(self):
        """Processors that others used, on average over all runs of the first sync."""
        values = [s["elsewhere_cpus"] for (_, scenario, _), samples in self.samples.items()
                  for s in samples if scenario == "first" and "elsewhere_cpus" in s]
        return statistics.mean(values) if values else None

    def rows(self):
        """(mailbox, scenario) in the order they came, each with its contestants."""
        out = {}
        for mailbox, scenario, contestant in self.samples:
            out.setdefault((mailbox, scenario), []).append(contestant)
        return out

    def as_json(self):
        return [{"mailbox": m, "scenario": s, "contestant": c, "samples": samples,
                 "median_seconds": self.median(m, s, c)}
                for (m, s, c), samples in self.samples.items()]


def _seconds(value):
    if value is None:
        return "-"
    return "%.2f s" % value if value >= 1 else "%.0f ms" % (value * 1000)


def _mib(value):
    return "-" if value is None else "%.1f MiB" % (value / MIB)


def _number(value):
    return "-" if value is None else "%d" % value


def _cpus(value):
    return "-" if value is None else "%.2f" % value


def _all_cpu(results, mailbox, scenario, name):
    client = results.median(mailbox, scenario, name, "cpu_seconds")
    servers = results.median(mailbox, scenario, name, "servers_cpu_seconds")
    return None if client is None or servers is None else client + servers


def _ratio(value, base):
    return "-" if not value or not base else "%.2f" % (value / base)


def table(results):
    """time: median of the runs; CPU: of the client side; servers: of both servers; x CPU: both
    together in terms of the ceiling's, which a busy machine changes less than the time; in row:
    round trips of the longest connection; elsewhere: processors busy with other things."""
    lines = []
    form = "  %-8s %8s %8s %9s %8s %8s %6s %10s %6s %8s %7s %5s %9s"
    for (mailbox, scenario), contestants in results.rows().items():
        lines += ["", "%s: %s" % (mailbox, TITLES.get(scenario, scenario)),
                  form % ("", "time", "least", "x ceiling", "CPU", "servers", "x CPU", "peak",
                          "conns", "r.trips", "in row", "runs", "elsewhere")]
        base = results.median(mailbox, scenario, "ceiling")
        base_cpu = _all_cpu(results, mailbox, scenario, "ceiling")
        for name in contestants:
            def get(key, name=name):
                return results.median(mailbox, scenario, name, key)

            samples = results.samples[(mailbox, scenario, name)]
            lines.append(form % (
                name, _seconds(get("seconds")), _seconds(min(s["seconds"] for s in samples)),
                _ratio(get("seconds"), base), _seconds(get("cpu_seconds")),
                _seconds(get("servers_cpu_seconds")),
                _ratio(_all_cpu(results, mailbox, scenario, name), base_cpu),
                _mib(get("rss_kib")), _number(get("connections")), _number(get("round_trips")),
                _number(get("round_trips_in_a_row")), len(samples), _cpus(get("elsewhere_cpus"))))
    return lines


def _at_most(what, value, base, limit):
    if value is None or base is None:
        return ("none", "%s: not measured" % what)
    ratio = value / base
    return ("pass" if ratio <= limit else "MISS",
            "%s: %.2f (at most %.2f)" % (what, ratio, limit))


def _at_least(what, value, limit):
    if value is None:
        return ("none", "%s: not measured" % what)
    return ("pass" if value >= limit else "MISS",
            "%s: %.2f (at least %.2f)" % (what, value, limit))


def _divided(a, b):
    return None if a is None or b is None else a / b


def targets(results, large, small, slow, counted):
    """(pass | MISS | none, text). large, small, slow: names of mailboxes; counted: those whose
    run with nothing to do has to take the same number of round trips."""
    def time(mailbox, scenario, name):
        return results.median(mailbox, scenario, name)

    out = [
        _at_most("first sync, %s: x the ceiling" % large, time(large, "first", "mailmig"),
                 time(large, "first", "ceiling"), 1.3),
        _at_least("first sync, %s: times faster than mbsync" % large,
                  _divided(time(large, "first", "mbsync"), time(large, "first", "mailmig")), 2),
    ]
    for mailbox in (small, large):
        out.append(_at_most("nothing to do, %s: x mbsync" % mailbox,
                            time(mailbox, "idle", "mailmig"), time(mailbox, "idle", "mbsync"), 1))
    out.append(_constant(results, counted))
    out += [
        _at_most("first sync, %s: x the ceiling" % slow, time(slow, "first", "mailmig"),
                 time(slow, "first", "ceiling"), 2),
        _at_most("nothing to do, %s: x one LIST-STATUS conversation" % slow,
                 time(slow, "idle", "mailmig"), time(slow, "list", "ceiling"), 2),
    ]
    return out


def _constant(results, mailboxes):
    found = {m: results.median(m, "idle", "mailmig", "round_trips") for m in mailboxes}
    text = "nothing to do, round trips whatever the mailbox: " + ", ".join(
        "%s %s" % (m, _number(n)) for m, n in found.items())
    if None in found.values():
        return ("none", "nothing to do, round trips whatever the mailbox: not measured")
    return ("pass" if len(set(found.values())) == 1 else "MISS", text)


def memory_target(what, kib, limit_mib):
    if kib is None:
        return ("none", "%s: not measured" % what)
    return ("pass" if kib < limit_mib * MIB else "MISS",
            "%s: %s (under %d MiB)" % (what, _mib(kib), limit_mib))


def verdict_lines(verdicts):
    return ["", "targets"] + ["  %s  %s" % v for v in verdicts]
