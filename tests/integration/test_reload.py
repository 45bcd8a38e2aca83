# SPDX-License-Identifier: Apache-2.0
"""mailmigd: reload. Synchronous, all or nothing, and running jobs finish as they began."""

import os
import signal
import subprocess

import pytest

from daemon_rig import (BUILD, CONTROL, daemon, make, run_once)  # pylint: disable=unused-import

# pylint: disable=redefined-outer-name


def ctl(daemon, *args):
    return subprocess.run([os.path.join(BUILD, "mailmigctl"), "--socket", daemon.socket, *args],
                          check=False, capture_output=True, text=True)


def names(daemon):
    return [a["name"] for a in daemon.status()["accounts"]]


def test_in_force_when_the_answer_comes(make):
    daemon = make(["a"]).start()
    with daemon.client() as c:
        for accounts in (["b"], ["c", "d"], ["a"]):
            daemon.write_config(accounts)
            assert c.call("Reload")["parameters"] == {"accounts": len(accounts)}
            listed = c.call("Status")["parameters"]["status"]["accounts"]
            assert [a["name"] for a in listed] == accounts


def test_signal_tells_systemd_when_it_is_in_force(make):
    """Type=notify-reload waits for just this."""
    daemon = make(["a"]).start()
    daemon.write_config(["b"])
    daemon.signal(signal.SIGHUP)
    assert "MONOTONIC_USEC=" in daemon.notify.until("RELOADING=1")
    daemon.notify.until("READY=1")
    assert names(daemon) == ["b"]


@pytest.mark.parametrize("how", ["verb", "signal"])
def test_errors_change_nothing_and_are_all_told(make, how):
    daemon = make(["a", "b"], max_jobs=1).start()
    with daemon.client() as c:
        c.follow(accounts=["a", "b"])
        worker = daemon.worker()
        # Good changes beside three errors: none of them may come into force.
        daemon.write_config(["b", "c"], max_jobs=2, log_level='"debug"',
                            extra="nonsense = 1;\nworse = 2;\nmin_free = true;\n")
        if how == "verb":
            told = ctl(daemon, "reload")
            assert told.returncode == 3 and "nothing was changed" in told.stderr
            text = told.stderr
        else:
            daemon.signal(signal.SIGHUP)
            daemon.notify.until("RELOADING=1")
            daemon.notify.until("READY=1")
            text = daemon.log()
        for key in ("nonsense", "worse", "min_free"):
            assert key in text and key in daemon.log()
        assert "stays in force" in daemon.log()
        assert names(daemon) == ["a", "b"]
        assert daemon.account("b")["state"] == "queued"  # max_jobs is still 1
        worker.done()
        daemon.worker().done()
        assert c.until_done()[1]["exit_code"] == 0


def test_running_jobs_finish_under_the_old_configuration(make):
    daemon = make([("a", "old", "new", "limits = { max_errors = 7; };")]).start()
    with daemon.client() as c:
        c.follow(accounts=["a"])
        worker = daemon.worker()
        daemon.write_config([("a", "new", "old", "limits = { max_errors = 9; };")])
        daemon.call("Reload")
        assert (worker.job["max_errors"], worker.job["origin"]["server"]) == (7, "old")
        worker.event("progress", phase="copy", folder="F", done=1, total=2, bytes_done=0,
                     bytes_total=0, rate=0, eta_seconds=0)
        worker.done(copied=5)
        assert c.until_done()[1]["summaries"][0]["copied"] == 5
        c.follow(accounts=["a"])  # the change is in force for the next one
        worker = daemon.worker()
        assert (worker.job["max_errors"], worker.job["origin"]["server"]) == (9, "new")
        worker.done()
        c.until_done()


def test_new_and_removed_accounts(make):
    daemon = make(["a"]).start()
    run_once(daemon, "a", copied=3)
    daemon.write_config(["b"])
    daemon.call("Reload")
    assert run_once(daemon, "b")["exit_code"] == 0
    assert daemon.call("Run", accounts=["a"])["error"] == CONTROL + "NoSuchAccount"
    daemon.write_config(["a", "b"])  # what it had done is known when it comes back
    daemon.call("Reload")
    assert daemon.account("a")["last_run"]["copied"] == 3


def test_removed_account_with_a_running_job(make):
    daemon = make(["a", "b"]).start()
    with daemon.client() as c:
        c.follow(accounts=["a"])
        worker = daemon.worker()
        daemon.write_config(["b"])
        daemon.call("Reload")
        # It is there as long as it has something to do, and can be cancelled.
        assert names(daemon) == ["b", "a"]
        account = daemon.account("a")
        assert (account["state"], account["removed"], account["enabled"]) == (
            "running", True, False)
        assert account["run"] == worker.job["run_id"]
        assert "taken out of the configuration" in ctl(daemon, "status", "a").stdout
        daemon.notify.until("STATUS=1 running, 0 queued, 1 idle")
        assert daemon.call("Cancel", account="a")["parameters"] == {"cancelled": True}
        assert worker.take() == {"cancel": True}
        worker.done(result="cancelled", exit_code=9, copied=2)
        assert c.until_done()[1]["exit_code"] == 9
    assert names(daemon) == ["b"]
    assert daemon.call("Status", accounts=["a"])["error"] == CONTROL + "NoSuchAccount"
    daemon.write_config(["a", "b"])
    daemon.call("Reload")
    assert daemon.account("a")["last_run"]["copied"] == 2


def test_state_directory_stays(make):
    """It is locked at the start: workers of a changed one would begin without their state."""
    daemon = make(["a"]).start()
    before = daemon.state
    daemon.state += "2"
    daemon.write_config(["a"])
    assert "parameters" in daemon.call("Reload")
    assert "in force after a restart" in daemon.log()
    with daemon.client() as c:
        c.follow(accounts=["a"])
        worker = daemon.worker()
        assert worker.job["state_dir"] == before
        worker.done()
        c.until_done()
    assert not os.path.exists(daemon.state)
