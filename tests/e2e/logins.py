#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""TLS and SCRAM-SHA-256 against the simulated set, with certificates that openssl makes here: the program, pymongo and mongosh log in;
and for each thing that is wrong the program says what it is in one sentence, never the password, and ends with 3 (2 for a file)."""
import concurrent.futures
import contextlib
import json
import os
import socket
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import pymongo
from mongosh_session import mongosh
from outside import LIMIT, Place, check, finish, one_sentence, simulator, wait_until
from pymongo.errors import OperationFailure, ServerSelectionTimeoutError

PASSWORD = "s3cret@one"
LOGIN = "monitor:s3cret%40one@"
ACCOUNTS = """
account monitor            # who watches
set password %s
set roles clusterMonitor readAnyDatabase
account executor
set password hunter2
set roles clusterMonitor readWriteAnyDatabase dbAdminAnyDatabase
""" % PASSWORD


def openssl(*words):
    r = subprocess.run(["openssl", *words], capture_output=True, timeout=LIMIT)
    if r.returncode:
        raise SystemExit("FAIL: openssl %s: %s" % (words[0], r.stderr.decode()))


KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")


def make_ca(p, name):
    base = os.path.join(p.dir, name)
    openssl("req", "-x509", *KEY, "-keyout", base + ".key", "-out", base + ".pem", "-days", "2", "-subj", "/CN=" + name)
    return base + ".pem"


def make_certificate(p, ca, name, extension, days):
    base = os.path.join(p.dir, name)
    openssl("req", *KEY, "-keyout", base + ".key", "-out", base + ".csr", "-subj", "/CN=" + name)
    ext = p.write(name + ".ext", extension + "\n")
    openssl("x509", "-req", "-in", base + ".csr", "-CA", ca, "-CAkey", ca[:-4] + ".key", "-CAcreateserial", "-extfile", ext, "-days", days, "-out", base + ".crt")
    with open(base + ".crt") as crt, open(base + ".key") as key:
        return p.write(name + ".pem", crt.read() + key.read())


HERE, ELSEWHERE, CLIENT = "subjectAltName=IP:127.0.0.1", "subjectAltName=DNS:elsewhere.example", "extendedKeyUsage=clientAuth"


class Files:
    def __init__(self, p):
        self.ca, self.other_ca = make_ca(p, "ca"), make_ca(p, "other")
        self.good = make_certificate(p, self.ca, "good", HERE, "2")
        self.name = make_certificate(p, self.ca, "name", ELSEWHERE, "2")
        self.expired = make_certificate(p, self.ca, "expired", HERE, "-1")
        self.client = make_certificate(p, self.ca, "client", CLIENT, "2")
        self.stranger = make_certificate(p, self.other_ca, "stranger", CLIENT, "2")
        self.accounts = p.write("accounts", ACCOUNTS)


def uri(ready, login=LOGIN, tls=True, **options):
    options = dict({"replicaSet": "rs0"}, **({"tls": "true"} if tls else {}), **options)
    return "mongodb://%s%s/?%s" % (login, ",".join(ready["members"]), "&".join("%s=%s" % o for o in options.items()))


def what_is_wrong(f, whole, name, expired, plain):
    """What, how it is connected to, the exit status and the words that the sentence has."""
    certified = {"tlsCAFile": f.ca, "tlsCertificateKeyFile": f.client}
    refused = "the server's certificate is refused: "
    return (
        ("a wrong password", uri(whole, "monitor:%s%%2Fwrong@" % PASSWORD.replace("@", "%40"), **certified), 3, ("the login was refused: Authentication failed",)),
        ("an unknown user", uri(whole, "who:x@", **certified), 3, ("the login was refused: Authentication failed",)),
        ("another authSource", uri(whole, authSource="shop", **certified), 3, ("the login was refused: Authentication failed",)),
        ("no login", uri(whole, "", **certified), 3, ("requires authentication", "names no user")),
        ("no CA", uri(whole, tlsCertificateKeyFile=f.client), 3, (refused + "self-signed certificate in certificate chain", "tlsCAFile")),
        ("another CA", uri(whole, tlsCAFile=f.other_ca, tlsCertificateKeyFile=f.client), 3, (refused, "tlsCAFile")),
        ("no certificate of the client's", uri(whole, tlsCAFile=f.ca), 3, ("it may want a certificate of the client's (tlsCertificateKeyFile)",)),
        ("a stranger's certificate", uri(whole, tlsCAFile=f.ca, tlsCertificateKeyFile=f.stranger), 3, ("it may refuse the client's certificate",)),
        ("no TLS where it is wanted", uri(whole, tls=False), 3, ("it may want TLS (tls=true in the connection string)",)),
        ("TLS where there is none", uri(plain, tlsCAFile=f.ca), 3, ("does this server speak TLS?",)),
        ("a certificate for another host", uri(name, tlsCAFile=f.ca), 3, (refused + "IP address mismatch", "name the host in the connection string as the certificate does")),
        ("a certificate that has expired", uri(expired, tlsCAFile=f.ca), 3, (refused + "certificate has expired; renew it",)),
        ("a CA file that is not there", uri(whole, tlsCAFile=f.ca + ".gone"), 2, ("tlsCAFile", f.ca + ".gone", "No such file")),
        ("a certificate file that is not there", uri(whole, tlsCAFile=f.ca, tlsCertificateKeyFile=f.client + ".gone"), 2, ("tlsCertificateKeyFile", "No such file")),
    )


def says(case):
    what, string, status, parts = case
    with Place() as p:
        path = p.write("uri", string + "\n")
        for _ in range(3):  # where the machine is so slow that the client gives up on a host, nothing is learned of that host
            r = p.run("schema", "shop.orders", "--uri-file", path)
            if b"timeout" not in r.stderr or all(part.encode() in r.stderr for part in parts):
                break
        one_sentence(r, status, *parts, what=what)
        check(b"s3cret" not in r.stderr + r.stdout, "%s: the password is said: %r" % (what, r.stderr))


def doctor(string, finds, *parts):
    with Place() as p:
        r = p.run("doctor", "--json", "--uri-file", p.write("uri", string + "\n"))
        told = [(x["found"], x["what"] + " " + str(x["mend"])) for x in json.loads(r.stdout)["findings"] if x["area"] == "deployment"]
        check(any(found == finds and all(part in text for part in parts) for found, text in told), "doctor: no %s with %s: %s" % (finds, parts, told))


def the_program(f, whole, plain):
    certified = {"tlsCAFile": f.ca, "tlsCertificateKeyFile": f.client, "authSource": "admin"}
    doctor(uri(whole, **certified), "ok", "10 of 10 kinds of reads are answered by every member")
    doctor(uri(whole, **certified), "wrong", "the login (monitor) lacks createIndex dropIndex collMod")
    doctor(uri(whole, "executor:hunter2@", **certified), "ok", "executor) may create, drop and hide indexes")
    doctor(uri(plain, tls=False), "ok", "10 of 10")
    with Place() as p:
        r = p.run("schema", "--json", "shop.orders", "--uri-file", p.write("uri", uri(whole, **certified) + "\n"))
        check(r.returncode == 0 and json.loads(r.stdout)["sampled"] > 0, "schema over TLS: %d %r" % (r.returncode, r.stderr))


def pymongo_logs_in(f, whole):
    def client(login=LOGIN, **more):
        options = {"tlsCAFile": f.ca, "tlsCertificateKeyFile": f.client, "serverSelectionTimeoutMS": 20000, **more}
        return pymongo.MongoClient("mongodb://%s%s/?replicaSet=rs0&tls=true" % (login, ",".join(whole["members"])), **options)

    def fails(what, code, fn):
        try:
            check(False, "%s: no error but %r" % (what, fn()))
        except OperationFailure as e:
            check(e.code == code, "%s: code %s: %s" % (what, e.code, e))

    with client() as c:
        check(c.shop.orders.find_one() is not None, "pymongo reads nothing")
        status = c.admin.command("connectionStatus")["authInfo"]
        check(status["authenticatedUsers"] == [{"user": "monitor", "db": "admin"}], "connectionStatus: %r" % status)
        fails("a write by one who only reads", 13, lambda: c.shop.orders.insert_one({"a": 1}))
        secure = c.admin.command("serverStatus")["security"]
        scram = secure["authentication"]["mechanisms"]["SCRAM-SHA-256"]
        check(scram["speculativeAuthenticate"]["successful"] > 0, "no speculative login was counted: %r" % scram)
        check(secure["SSLServerCertificateExpirationDate"].year >= 2024, "the end of the certificate: %r" % secure)
    with client("executor:hunter2@") as c:
        check(c.shop.tls.insert_one({"big": "x" * 5000000}).acknowledged and len(c.shop.tls.find_one()["big"]) == 5000000, "five million bytes over TLS do not come back")
    with client("monitor:wrong@") as c:
        fails("pymongo with a wrong password", 18, lambda: c.shop.orders.find_one())
    with client("") as c:
        fails("pymongo without a login", 13, lambda: c.shop.orders.find_one())
    with client(tlsCertificateKeyFile=None, serverSelectionTimeoutMS=1000) as c:
        try:
            check(False, "without a certificate: %r" % c.shop.orders.find_one())
        except ServerSelectionTimeoutError:
            pass


def a_card_is_executed(f, whole):
    """Watched by one login and executed by the other, each over TLS."""
    certified = {"tlsCAFile": f.ca, "tlsCertificateKeyFile": f.client}
    with Place() as p:
        watch, execute = p.write("watch.uri", uri(whole, **certified) + "\n"), p.write("execute.uri", uri(whole, "executor:hunter2@", **certified) + "\n")
        p.write("config/signalbox/config", "deployment shop\nset uri_file %s\nset executor_uri_file %s\nset environment staging\n" % (watch, execute))
        with p.background("serve", "--deployment", "shop") as serve:
            wait_until("the deployment", lambda: "connected to shop" in serve.said())
            r = p.run("ask", "--json", "create an index on shop.carts {updated_at: 1}")
            if not check(r.returncode == 0, "ask: %d %r" % (r.returncode, r.stderr)):
                return
            card = json.loads(r.stdout)["cards"][0]
            r = p.run("cards", "approve", card["id"], "--hash", card["hash"])
            check(r.returncode == 0, "approve: %d %r" % (r.returncode, r.stderr))

            def state():
                return json.loads(p.run("cards", "--json", "show", card["id"]).stdout)["state"]

            wait_until("the execution", lambda: state() in ("watching", "done", "failed", "in_doubt", "stale"))
            check(state() in ("watching", "done"), "the card is %s: %s" % (state(), serve.said()))
        check("hunter2" not in serve.said() and "s3cret" not in serve.said(), "a password was said")
    options = "replicaSet=rs0&tls=true&tlsCAFile=%s&tlsCertificateKeyFile=%s" % (f.ca, f.client)
    with pymongo.MongoClient("mongodb://%s%s/?%s" % (LOGIN, ",".join(whole["members"]), options)) as c:
        check("updated_at_1" in c.shop.carts.index_information(), "the index is not there: %r" % c.shop.carts.index_information())


def mongosh_logs_in(f, whole):
    shell = mongosh()
    if not shell:
        return
    string = uri(whole, tlsCAFile=f.ca, tlsCertificateKeyFile=f.client)
    r = subprocess.run([shell, string, "--quiet", "--norc", "--eval", "print('READ ' + db.getSiblingDB('shop').orders.find().limit(3).toArray().length)"],
                       capture_output=True, timeout=LIMIT, env=dict(os.environ, MONGOSH_FORCE_DISABLE_TELEMETRY_FOR_TESTING="1"))
    check(b"READ 3" in r.stdout, "mongosh: %r %r" % (r.stdout[-500:], r.stderr[-500:]))


def noise_on_a_tls_port(whole):
    """What is no TLS ends its own connection and nothing else, and is in the log."""
    host, port = whole["members"][0].split(":")
    for noise in (b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03\x01\xff\xff" + b"\0" * 70000, os.urandom(3000), b"\x16\x03\x01"):
        with socket.create_connection((host, int(port)), timeout=LIMIT) as s, contextlib.suppress(OSError):
            s.sendall(noise)
            s.shutdown(socket.SHUT_WR)
            while s.recv(65536):
                pass


def options_that_are_wrong(p, f):
    broken = p.write("broken", "account a\nset password x\nset roles king\n")
    one_sentence(p.run("sim", "--auth-file", broken), 2, "broken:3", "no role \"king\"")
    one_sentence(p.run("sim", "--auth-file", p.write("open", ACCOUNTS, 0o644)), 2, "chmod 600")
    one_sentence(p.run("sim", "--auth-file", os.path.join(p.dir, "gone")), 2, "gone")
    one_sentence(p.run("sim", "--tls-ca", f.ca), 2, "--tls-certificate")
    one_sentence(p.run("sim", "--tls-certificate", f.ca), 2, "no key of this certificate")
    one_sentence(p.run("sim", "--tls-certificate", f.accounts), 2, "no certificate can be read")
    one_sentence(p.run("sim", "--tls-certificate", f.good, "--tls-ca", f.accounts), 2, "no certificate of a CA")


def main():
    with Place() as p, contextlib.ExitStack() as stack:
        f = Files(p)
        calm = ("--scenario", "calm", "--seed", "1")

        def start(*words):
            return stack.enter_context(simulator(*calm, *words))[0]

        whole = start("--tls-certificate", f.good, "--tls-ca", f.ca, "--auth-file", f.accounts)
        name = start("--members", "1", "--tls-certificate", f.name, "--auth-file", f.accounts)
        expired = start("--members", "1", "--tls-certificate", f.expired, "--auth-file", f.accounts)
        plain = start("--members", "1", "--auth-file", f.accounts)
        check("tls=true" in whole["uri"] and "tls" not in plain["uri"], "the connection strings: %s, %s" % (whole["uri"], plain["uri"]))
        noise_on_a_tls_port(whole)
        with concurrent.futures.ThreadPoolExecutor(10) as pool:
            running = [pool.submit(says, case) for case in what_is_wrong(f, whole, name, expired, plain)]
            running += [pool.submit(the_program, f, whole, plain), pool.submit(pymongo_logs_in, f, whole), pool.submit(mongosh_logs_in, f, whole), pool.submit(a_card_is_executed, f, whole),
                        pool.submit(options_that_are_wrong, p, f)]
            for done in running:
                done.result()
    finish()


if __name__ == "__main__":
    main()
