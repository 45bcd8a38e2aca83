# SPDX-License-Identifier: Apache-2.0
"""One account between two servers, and the questions tests ask about it."""

from .imapclient import Client, compare


class Pair:
    """Adds both servers and one account to `mm` (a Mailmig), and `user` to both servers.

    via_origin, via_destination: what the programs connect to instead (a Proxy); tls then is
                "none".
    origin_keys, destination_keys: of the endpoints; server_keys: of both server entries;
    account_keys: of the account."""

    def __init__(self, mm, origin, destination, user, account=None, password="secret",
                 via_origin=None, via_destination=None, tls="implicit", origin_keys=None,
                 destination_keys=None, server_keys=None, **account_keys):
        self.mm = mm
        self.origin, self.destination = origin, destination
        self.user = user
        self.account = account or user
        ends = []
        for role, server, via, keys in (("origin", origin, via_origin, origin_keys),
                                        ("destination", destination, via_destination,
                                         destination_keys)):
            if user not in server.users:
                server.add_user(user, password)
            name = role if not mm.servers or account is None else "%s-%s" % (role, account)
            mm.add_server(name, via or server, "none" if via else tls, **(server_keys or {}))
            keys = dict(keys or {})
            secret = None if any(k.startswith("password") for k in keys) else server.users[user]
            ends.append(mm.endpoint(name, user, keys.pop("secret", secret), **keys))
        mm.add_account(self.account, *ends, **account_keys)

    def at_origin(self):
        return Client(self.origin, self.user)

    def at_destination(self):
        return Client(self.destination, self.user)

    def run(self, *args, rc=0):
        """Run it; the `done` event. Any exit code but rc is a failure, shown with all there is."""
        code, _, done = self.mm.run_json(self.account, args=args)
        assert code == rc, "exit %d: %s\n%s" % (code, done, self.mm.log()[-2000:])
        assert done["exit_code"] == code
        return done

    def differences(self, **keys):
        with self.at_origin() as ours, self.at_destination() as theirs:
            return compare(ours, theirs, **keys)

    def assert_equal(self, **keys):
        found = self.differences(**keys)
        assert not found, "%d differences:\n%s" % (len(found), "\n".join(found[:20]))

    def total(self):
        with self.at_origin() as client:
            return sum(client.counts().values())

    def snapshot(self):
        """All that the destination holds, UIDs included."""
        with self.at_destination() as client:
            return client.everything(), client.subscribed()
