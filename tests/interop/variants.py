# SPDX-License-Identifier: Apache-2.0
"""The servers, and the pairs of them."""

import collections
import itertools

from harness.courier import Courier
from harness.cyrus import Cyrus
from harness.dovecot import Dovecot
from harness.twisted import Twisted

# make: called with the certificate authority; jailed: it needs a root of its own.
Variant = collections.namedtuple("Variant", "name label make jailed")

# Capabilities that are switched off one by one; CONDSTORE brings QRESYNC with it.
SWITCHES = {
    "condstore": ("CONDSTORE", "QRESYNC"),
    "literal": ("LITERAL+",),
    "multiappend": ("MULTIAPPEND",),
    "uidplus": ("UIDPLUS",),
    "special-use": ("SPECIAL-USE",),
    "namespace": ("NAMESPACE",),
}
# Not part of Dovecot as delivered: it has to be switched on.
COMPRESS = "protocol imap {\n  mail_plugins = $mail_plugins imap_zlib\n}\n"


def _dovecot(name, label, **keys):
    def make(ca):
        return Dovecot(users={}, fsync="never", ca=ca, name=name, **keys)

    return Variant(name, label, make, False)


def _jailed(name, label, kind, **keys):
    def make(ca):
        return kind(ca=ca, name=name, **keys)

    return Variant(name, label, make, True)


def _all():
    for kind, called in (("maildir", "Maildir"), ("sdbox", "sdbox")):
        label = "Dovecot 2.3, %s" % called
        yield _dovecot(kind, label, mail_format=kind)
        for switch, words in SWITCHES.items():
            yield _dovecot("%s-no-%s" % (kind, switch), "%s, without %s" % (label, words[0]),
                           mail_format=kind, without=words)
        yield _dovecot("%s-compress" % kind, "%s, with COMPRESS" % label, mail_format=kind,
                       extra=COMPRESS)
        yield _dovecot("%s-dot" % kind, "%s, separator `.`" % label, mail_format=kind,
                       separator=".")
        yield _dovecot("%s-inbox" % kind, "%s, separator `.`, prefix `INBOX.`" % label,
                       mail_format=kind, separator=".", prefix="INBOX.")
    yield _jailed("cyrus", "Cyrus 3.6", Cyrus)
    yield _jailed("cyrus-alt", "Cyrus 3.6, altnamespace, unixhierarchysep", Cyrus,
                  altnamespace=True, unixhierarchysep=True)
    yield _jailed("courier", "Courier 5", Courier)
    yield _jailed("twisted", "Twisted 22.4", Twisted)


VARIANTS = {v.name: v for v in _all()}


def all_pairs():
    return list(itertools.product(VARIANTS, VARIANTS))


# What `make check` runs: every foreign server as origin and as destination, every switch once on
# either side, in as few pairs as that needs.
SAMPLE = (
    ("maildir", "cyrus"), ("cyrus", "courier"), ("courier", "cyrus-alt"), ("cyrus-alt", "sdbox-inbox"),
    ("sdbox-dot", "courier"), ("courier", "maildir-dot"), ("maildir-inbox", "twisted"),
    ("twisted", "cyrus"),
    ("maildir-no-condstore", "sdbox-no-uidplus"), ("sdbox-no-uidplus", "maildir-no-literal"),
    ("maildir-no-literal", "sdbox-no-multiappend"), ("sdbox-no-namespace", "maildir-no-condstore"),
    ("maildir-compress", "sdbox-no-special-use"), ("sdbox-no-special-use", "maildir-compress"),
    ("sdbox-no-multiappend", "sdbox-no-namespace"),
)
