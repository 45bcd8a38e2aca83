# SPDX-License-Identifier: Apache-2.0
"""A server that makes folders with their role: Cyrus (CREATE-SPECIAL-USE)."""

import pytest

from harness import corpus, roots
from harness.cyrus import Cyrus
from harness.dovecot import Dovecot
from harness.mailmig import Mailmig
from harness.pair import Pair

WITHOUT = roots.missing()


@pytest.mark.skipif(WITHOUT is not None, reason=WITHOUT or "")
def test_created_with_role():
    with Dovecot(fsync="never", name="origin") as origin, Cyrus({"alice": "secret"}) as server, \
            Mailmig() as mm:
        pair = Pair(mm, origin, server, "alice")
        with pair.at_origin() as client:
            corpus.simple(client, "Gesendet", 2)
            corpus.simple(client, "Gesendet/2019", 1, first=10)
            corpus.simple(client, "Papierkorb", 3, first=20)
            corpus.simple(client, "v1,2", 1, first=30)
        mm.write_config()
        assert mm.ctl("reload").rc == 0
        _, events, _ = mm.run_json("alice", args=("--dry-run",))
        planned = {e["folder"]: e for e in events if e["event"] == "folder"}
        assert "with the role \\Sent" in planned["Gesendet"]["note"]
        assert "note" not in planned["Gesendet/2019"]
        assert pair.run()["copied"] == 7
        with pair.at_destination() as client:
            assert client.roles() == {planned["Gesendet"]["destination"]: "\\sent",
                                      planned["Papierkorb"]["destination"]: "\\trash"}
        assert pair.run()["copied"] == 0
