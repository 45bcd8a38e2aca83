# SPDX-License-Identifier: Apache-2.0
"""A certificate authority for one afternoon, made with openssl."""

import datetime
import os
import subprocess

CONFIG = """
[ca]
default_ca = this
[this]
dir = {dir}
database = {dir}/index.txt
new_certs_dir = {dir}
rand_serial = yes
default_md = sha256
policy = any
unique_subject = no
[any]
commonName = supplied
[req]
distinguished_name = dn
prompt = no
[dn]
CN = {cn}
[v3_ca]
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash
[server]
basicConstraints = CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = serverAuth
subjectAltName = {san}
"""

LOCAL = ("DNS:localhost", "IP:127.0.0.1", "IP:::1")


def _openssl(*args):
    done = subprocess.run(["openssl", *args], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, check=False)
    if done.returncode != 0:
        raise RuntimeError("openssl %s: %s" % (" ".join(args),
                                               done.stdout.decode("utf-8", "replace")))


def _utc(days):
    when = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(days=days)
    return when.strftime("%Y%m%d%H%M%SZ")


class CA:
    """One authority in its own directory. `file` is its certificate (PEM)."""

    def __init__(self, directory, name="mailmig test CA"):
        self.dir = directory
        os.makedirs(directory, mode=0o700, exist_ok=True)
        self.file = os.path.join(directory, "ca.pem")
        self.key = os.path.join(directory, "ca.key")
        with open(os.path.join(directory, "index.txt"), "w", encoding="ascii"):
            pass
        conf = self._config("ca.cnf", name, "DNS:none.invalid")
        _openssl("req", "-x509", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
                 "-nodes", "-keyout", self.key, "-out", self.file, "-days", "30",
                 "-config", conf, "-extensions", "v3_ca")

    def issue(self, label, names=LOCAL, days=(-1, 30)):
        """A server certificate for `names`, valid from and to days[0], days[1] from today.
        Returns (certificate file, key file)."""
        base = os.path.join(self.dir, label)
        common = names[0].split(":", 1)[1]
        conf = self._config(label + ".cnf", common, ",".join(names))
        _openssl("req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                 "-keyout", base + ".key", "-out", base + ".csr", "-config", conf)
        _openssl("ca", "-batch", "-notext", "-config", conf, "-cert", self.file,
                 "-keyfile", self.key, "-in", base + ".csr", "-out", base + ".pem", "-extensions", "server",
                 "-startdate", _utc(days[0]), "-enddate", _utc(days[1]))
        return base + ".pem", base + ".key"

    def valid(self):
        return self.issue("valid")

    def expired(self):
        return self.issue("expired", days=(-20, -10))

    def wrong_host(self):
        return self.issue("wronghost", names=("DNS:imap.elsewhere.example",))

    def _config(self, filename, name, san):
        path = os.path.join(self.dir, filename)
        with open(path, "w", encoding="ascii") as out:
            out.write(CONFIG.format(dir=self.dir, cn=name, san=san))
        return path
