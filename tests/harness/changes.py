# SPDX-License-Identifier: Apache-2.0
"""What somebody else does to a folder: makes it anew, with the same mail under other UIDs."""

import glob
import os
import time

from .imapclient import quoted


def leave(client):
    """No folder is selected: Dovecot ends a session that deletes the one it is in."""
    if client.imap.state == "SELECTED":
        client.command("UNSELECT")
        client.imap.state = "AUTH"


def delete(client, folder):
    leave(client)
    client.command("DELETE", quoted(client.raw_name(folder)))


def rename(client, folder, to):
    leave(client)
    client.command("RENAME", quoted(client.raw_name(folder)), quoted(client.raw_name(to)))


def take_out(client, folder):
    """All messages as (octets, flags, date), in the order of UIDs."""
    return [(client.body(folder, m.uid), m.flags,
             time.strftime("%d-%b-%Y %H:%M:%S +0000", time.gmtime(m.date)))
            for m in client.messages(folder)]


def renumber(client, folder):
    """A new folder of this name (not INBOX) with the same mail, in the other direction."""
    mail = take_out(client, folder)
    subscribed = folder in client.subscribed()
    before = client.uid_validity(folder)
    delete(client, folder)
    client.create(folder, subscribe=subscribed)
    for octets, flags, date in reversed(mail):
        client.append(folder, octets, flags, date)
    assert client.uid_validity(folder) != before


def forget_uids(server, user, folder):
    """What a Dovecot knows of a Maildir++ folder is lost: all messages get new UIDs."""
    path = server.mail_root(user)
    if folder != "INBOX":
        path = os.path.join(path, "." + folder.replace("/", "."))
    found = glob.glob(os.path.join(path, "dovecot-uidlist*")) + \
        glob.glob(os.path.join(path, "dovecot.index*"))
    assert found
    for name in found:
        os.unlink(name)
