# SPDX-License-Identifier: GPL-3.0-or-later
"""The daemon's life under load: reload, renewed certificates, stop, killed workers, restarts, and damaged cache files."""
import contextlib
import http.client
import os
import pathlib
import signal
import socket
import ssl
import threading

import dns.rcode
import pytest

from lib import doh
from lib.certs import Pair
from lib.polynya import merge
from lib.process import PATIENCE, alive, wait_until
from lib.upstream import Gate, answer, fail, hold


class Load:
    """Clients that ask without pause and keep count. A connection that the server closes is opened again, and a request
    that every client would repeat by itself is no loss: on HTTP/2 one beyond the last stream of a GOAWAY (RFC 9113 6.8), on
    HTTP/1.1 one that met the close of an idle connection (RFC 9112 9.3.1)."""

    def __init__(self, port, ca, clients=4, version=2):
        self.port, self.ca, self.version = port, ca, version
        self.stop_flag = threading.Event()
        self.answered, self.lost, self.refused, self.wrong = 0, [], 0, []
        self.lock = threading.Lock()
        self.threads = [threading.Thread(target=self._client, args=(i,)) for i in range(clients)]

    def __enter__(self):
        for t in self.threads:
            t.start()
        self.wait_more(50)
        return self

    def __exit__(self, *_):
        self.stop_flag.set()
        for t in self.threads:
            t.join()

    def wait_more(self, count=100):
        """Until so many more were answered."""
        goal = self.answered + count
        wait_until(lambda: self.answered >= goal or self.stop_flag.is_set(), f"{count} more answers under load")

    def _client(self, number):
        turn = 0
        while not self.stop_flag.is_set():
            try:
                c = (doh.h2_tls if self.version == 2 else doh.h1_tls)(self.port, self.ca)
            except (OSError, ssl.SSLError) as e:
                with self.lock:
                    self.refused += 1
                    self.last_refusal = e
                continue
            with c:
                turn = self._ask_on(c, number, turn)

    def _ask_on(self, c, number, turn):
        for served in range(200):
            if self.stop_flag.is_set():
                break
            turn += 1
            if not self._one(c, served, doh.question(f"load{number}-{turn % 20}.example", id=turn & 0xFFFF)):
                break
        return turn

    def _one(self, c, served, query):
        stream = None
        try:
            if self.version == 2:
                stream = c.get(query)
                reply = c.wait(stream)
            else:
                c.get(query)
                reply = c.read()
        except Exception as e:   # whatever a broken connection looks like from here
            if self.version == 2 and c.goaway is not None and (stream is None or stream > c.goaway.last_stream_id):
                return False
            if self.version == 1 and served and isinstance(e, (http.client.RemoteDisconnected, ConnectionError)):
                return False
            with self.lock:
                self.lost.append(repr(e))
            return False
        with self.lock:
            if reply.status == 200 and reply.dns.id == query.id and reply.dns.answer:
                self.answered += 1
            else:
                self.wrong.append((reply.status, reply.body[:40]))
        return not (c.goaway if self.version == 2 else reply.headers.get("connection", "").lower() == "close")


def addresses(reply):
    return sorted(str(rr) for rrset in reply.dns.answer for rr in rrset)


# --- reload

@pytest.mark.parametrize("version", [1, 2])
def test_reload_under_load_loses_nothing(make_polynya, upstream, ca, version):
    daemon = make_polynya(upstream, workers=2)
    with Load(daemon.port, ca, version=version) as load:
        for _ in range(3):
            before = set(daemon.workers().values())
            daemon.reload()
            wait_until(lambda: not any(alive(pid) for pid in before), "the old workers to leave")
            load.wait_more()
    assert not load.lost and not load.wrong and not load.refused
    assert daemon.metric('reloads_total{result="done"}') == 3


def test_reload_takes_the_new_config(make_polynya, make_upstream, ca):
    one, two = make_upstream(), make_upstream()
    one.script_all(answer("A 192.0.2.1"))
    two.script_all(answer("A 192.0.2.2"))
    daemon = make_polynya(one)
    with doh.h2_tls(daemon.port, ca) as c:
        assert addresses(c.ask(doh.question("a.example"))) == ["192.0.2.1"]
    wait_until(lambda: daemon.metric("cache_writes_total") >= 1, "the answer to be written")
    daemon.configure(merge(daemon.config, {"upstream": {"servers": [two.server()]}, "http": {"path": "/new"}}))
    daemon.reload()
    with doh.h2_tls(daemon.port, ca, path="/new") as c:
        assert addresses(c.ask(doh.question("b.example"))) == ["192.0.2.2"]
        assert addresses(c.ask(doh.question("a.example"))) == ["192.0.2.1"], "the shared cache outlives the workers"


def test_reload_adds_and_drops_listeners(make_polynya, upstream, ca):
    from lib.ports import free_port
    daemon = make_polynya(upstream)
    old, fresh = daemon.plain_port, free_port()
    listen = [daemon.config["listen"][0], {"address": f"127.0.0.1:{fresh}", "protocol": "http"}]
    daemon.configure(merge(daemon.config, {"listen": listen}))
    daemon.reload()
    with doh.h2c(fresh) as c:
        assert c.ask(doh.question("fresh.example")).status == 200

    def closed():
        try:
            socket.create_connection(("127.0.0.1", old), 5).close()
            return False
        except ConnectionRefusedError:
            return True
    wait_until(closed, "the old listener to close")


def test_open_requests_survive_a_reload(polynya, upstream, ca):
    gate = Gate()
    upstream.script("pending.example", hold(gate, answer("A 192.0.2.3")))
    with doh.h2_tls(polynya.port, ca) as c:
        stream = c.get(doh.question("pending.example"))
        upstream.wait_seen("pending.example")
        polynya.reload()
        while c.goaway is None:
            assert c.step()
        gate.set()
        assert addresses(c.wait(stream)) == ["192.0.2.3"]
        c.wait_closed()



def test_tickets_outlive_a_reload(polynya, ca):
    context = doh.tls_context(ca)
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    with doh.H2(doh.connect(polynya.port, context=context)) as c:
        c.ask(doh.question("ticket.example"))
        session = c.sock.session
    polynya.reload()
    polynya.only_current()
    plain = socket.create_connection(("127.0.0.1", polynya.port), 10)
    with context.wrap_socket(plain, server_hostname="localhost", session=session) as again:
        assert again.session_reused


def test_the_new_generation_alone_tells_its_health(polynya, upstream, ca):
    gate = Gate()
    upstream.script("slow.example", hold(gate, answer("A 192.0.2.5")))
    with doh.h2_tls(polynya.port, ca) as c:
        stream = c.get(doh.question("slow.example"))
        upstream.wait_seen("slow.example")
        polynya.reload()
        while c.goaway is None:
            assert c.step()
        assert {polynya.admin("/health")[0] for _ in range(40)} == {200}
        gate.set()
        assert addresses(c.wait(stream)) == ["192.0.2.5"]


@pytest.mark.parametrize("text", ["", "listen: [\n", "nonsense: 1\n", "workers: 0\n"])
def test_bad_config_leaves_the_running_one(polynya, ca, text):
    polynya.expect_errors(r"event=reload\.refused")
    before, mark = polynya.workers(), polynya.program.mark()
    polynya.write(text)
    polynya.program.send_signal(signal.SIGHUP)
    polynya.program.wait_line(r"event=reload\.refused .*polynya\.yaml", since=mark)
    with doh.h2_tls(polynya.port, ca) as c:
        assert c.ask(doh.question("still.example")).dns.answer
    assert polynya.workers() == before
    assert len(polynya.program.grep(r"level=error", since=mark)) == 1
    polynya.configure(polynya.config)
    polynya.reload()
    assert polynya.workers() != before


def test_many_hangups_at_once(polynya, ca):
    for _ in range(20):
        polynya.program.send_signal(signal.SIGHUP)
    polynya.reload()
    with doh.h2_tls(polynya.port, ca) as c:
        assert c.ask(doh.question("storm.example")).dns.answer


# --- certificates

@pytest.fixture
def own_pair(authority, tmp_path):
    """Certificate files that a test may replace."""
    pair = Pair(tmp_path / "chain.pem", tmp_path / "key.pem")
    authority.issue("localhost", "127.0.0.1").install(pair)
    return pair


def with_pair(pair):
    return {"certificates": [{"chain": str(pair.chain), "key": str(pair.key)}]}


def serial(port, ca):
    with doh.connect(port, ca) as s:
        return s.getpeercert()["serialNumber"]


def test_renewed_certificate_is_picked_up(make_polynya, upstream, authority, ca, own_pair):
    daemon = make_polynya(upstream, tls=with_pair(own_pair))
    before = serial(daemon.port, ca)
    with Load(daemon.port, ca, clients=2) as load:
        authority.issue("localhost", "127.0.0.1").install(own_pair)
        wait_until(lambda: serial(daemon.port, ca) != before, "the renewed certificate")
        load.wait_more()
    assert not load.lost and not load.wrong and not load.refused


@pytest.mark.parametrize("kind", ["expired", "not_yet_valid", "mismatched", "broken"])
def test_bad_certificate_is_refused(make_polynya, upstream, authority, ca, own_pair, kind):
    """The old one stays, one line says why, and the next good one is taken."""
    daemon = make_polynya(upstream, tls=with_pair(own_pair))
    daemon.expect_errors(r"event=reload\.refused")
    before, mark = serial(daemon.port, ca), daemon.program.mark()
    getattr(authority, kind)("localhost", "127.0.0.1").install(own_pair)
    line = daemon.program.wait_line(r"event=reload\.refused", since=mark)
    assert str(own_pair.chain) in line or str(own_pair.key) in line
    assert serial(daemon.port, ca) == before
    assert len(daemon.program.grep(r"level=(error|warn)", since=mark)) == 1
    authority.issue("localhost", "127.0.0.1").install(own_pair)
    wait_until(lambda: serial(daemon.port, ca) != before, "the next good certificate")


def test_certificates_by_name(make_polynya, upstream, authority, ca):
    one, two = authority.issue("one.test"), authority.issue("two.test")
    daemon = make_polynya(upstream, tls={"certificates": [{"chain": str(p.chain), "key": str(p.key)} for p in (one, two)]})
    for name in ("one.test", "two.test"):
        with doh.h2_tls(daemon.port, ca, name=name) as c:
            assert c.ask(doh.question("sni.example")).status == 200


# --- stop

def test_stop_finishes_open_requests(make_polynya, upstream, ca):
    gate = Gate()
    upstream.script("last.example", hold(gate, answer("A 192.0.2.4")))
    daemon = make_polynya(upstream)
    with doh.h2_tls(daemon.port, ca) as c, doh.h1_tls(daemon.port, ca) as d, doh.h2_tls(daemon.port, ca) as idle:
        stream = c.get(doh.question("last.example"))
        d.get(doh.question("last.example"))
        upstream.wait_seen("last.example")
        idle.ping()
        daemon.program.send_signal(signal.SIGTERM)
        daemon.program.wait_line("event=stopping")
        idle.wait_closed()
        assert idle.goaway is not None and idle.goaway.error_code == 0
        gate.set()
        assert addresses(c.wait(stream)) == ["192.0.2.4"]
        assert addresses(d.read()) == ["192.0.2.4"]
        assert d.at_end()
    daemon.stop()


def test_stop_does_not_wait_for_ever(make_polynya, upstream, ca):
    """A client that never reads its answer cannot hold up the end."""
    daemon = make_polynya(upstream, limits={"drain-timeout": "300ms"})
    with doh.h1_tls(daemon.port, ca) as c:
        c.send(b"GET /dns-query HTTP/1.1\r\nHost: never")
        with doh.h2_tls(daemon.port, ca) as half:
            half.open(half.headers("POST", content_type=doh.MEDIA), end=False)
            half.ping()
            daemon.stop()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_stop_signals(make_polynya, upstream, number):
    daemon = make_polynya(upstream, workers=2)
    assert daemon.program.stop(number) == 0
    assert not daemon.program.left_over
    assert not list(daemon.state.glob("*.sock")), "the control socket goes with the daemon"


def test_supervisor_killed_takes_its_workers_along(make_polynya, upstream):
    daemon = make_polynya(upstream, workers=2)
    pids = list(daemon.workers().values())
    daemon.program.send_signal(signal.SIGKILL)
    wait_until(lambda: not any(alive(pid) for pid in pids), "orphaned workers to leave")
    daemon.program.stop(signal.SIGKILL)
    daemon.program = None


# --- killed workers

def test_killed_worker_under_load(make_polynya, upstream, ca):
    """Only what that process held is lost; the other serves on and a new one takes its place."""
    daemon = make_polynya(upstream, workers=2)
    with Load(daemon.port, ca, clients=6) as load:
        for _ in range(2):
            workers, lost = daemon.workers(), len(load.lost)
            victim = workers[0]
            daemon.program.wait_line("event=ready")
            os.kill(victim, signal.SIGKILL)
            wait_until(lambda: daemon.workers().get(0) not in (victim, None), "a new worker")
            load.wait_more()
            assert len(load.lost) - lost <= 6, "at most one request of each client was in the killed process"
    assert not load.wrong
    assert daemon.metric("process_deaths_total") == 2
    assert set(daemon.workers()) == {0, 1}


def test_killed_while_writing_the_cache(make_polynya, upstream, ca):
    """kill -9 at any moment of a commit harms nobody: the file is not damaged, and new answers are taken."""
    daemon = make_polynya(upstream, workers=2)
    for turn in range(5):
        with doh.h2_tls(daemon.port, ca) as c:
            streams = [c.get(doh.question(f"commit{turn}-{i}.example")) for i in range(60)]
            # Where the machine is busy some may be late, and are written when they come.
            assert any([c.wait(stream).dns.answer for stream in streams])
        victim = daemon.workers()[turn % 2]
        os.kill(victim, signal.SIGKILL)
        wait_until(lambda: daemon.workers().get(turn % 2) not in (victim, None), "a new worker")
    with doh.h2_tls(daemon.port, ca) as c:
        wait_until(lambda: c.ask(doh.question("alive.example")).dns.answer, "a new answer")
    assert not daemon.program.grep("level=error")


def served_by(pid, conn):
    """Whether a client's connection is that process's, by the kernel's tables."""
    ours, theirs = (f"{sock[1]:04X}" for sock in (conn.sock.getsockname(), conn.sock.getpeername()))
    inode = next(f[9] for f in map(str.split, pathlib.Path("/proc/net/tcp").read_text().splitlines()[1:])
                 if f[1].endswith(":" + theirs) and f[2].endswith(":" + ours))
    return any(os.readlink(fd) == f"socket:[{inode}]" for fd in pathlib.Path(f"/proc/{pid}/fd").iterdir())


def test_stuck_worker_is_replaced(make_polynya, upstream, ca):
    """One that stands still takes its connections down with it, and nothing else: another takes its place, and who waited
    for the first to be accepted is served by that."""
    daemon = make_polynya(upstream, workers=2, limits={"watchdog": "1s"})
    daemon.expect_errors(r"event=watchdog")
    victim = daemon.workers()[0]
    with contextlib.ExitStack() as stack:
        kept = []
        while len({served_by(victim, c) for c in kept}) < 2 or len(kept) < 8:
            kept.append(stack.enter_context(doh.h2_tls(daemon.port, ca)))
            assert kept[-1].ask(doh.question("alive.example")).dns.answer
        others = [c for c in kept if not served_by(victim, c)]
        os.kill(victim, signal.SIGSTOP)
        new = [stack.enter_context(socket.create_connection(("127.0.0.1", daemon.port), PATIENCE)) for _ in range(8)]
        for c in others:
            assert c.ask(doh.question("alive.example")).dns.answer
        daemon.program.wait_line(f"event=watchdog who=worker/0 pid={victim}")
        daemon.program.wait_line("event=process.died who=worker/0 signal=9")
        wait_until(lambda: not alive(victim), "the stuck worker to be gone")
        wait_until(lambda: len(set(daemon.workers().values()) - {victim}) == 2, "a new worker")
        for c in others:
            assert c.ask(doh.question("alive.example")).dns.answer
        for c in set(kept) - set(others):
            c.wait_closed()
        for sock in new:
            sock = stack.enter_context(doh.tls_context(ca, ("h2",)).wrap_socket(sock, server_hostname="localhost"))
            assert doh.H2(sock).ask(doh.question("alive.example")).dns.answer
    assert daemon.metric("watchdog_kills_total") == 1


# --- the cache over restarts

def fill(daemon, ca, names):
    with doh.h2_tls(daemon.port, ca) as c:
        for name in names:
            assert addresses(c.ask(doh.question(name))) == ["192.0.2.1"]
        wait_until(lambda: daemon.metric("cache_writes_total") >= len(names), "the answers to be written")


@pytest.mark.parametrize("how", ["stop", "kill"])
def test_restart_answers_from_the_cache_without_upstream(make_polynya, make_upstream, ca, how):
    upstream = make_upstream()
    daemon = make_polynya(upstream)
    names = [f"kept{i}.example" for i in range(30)]
    fill(daemon, ca, names)
    getattr(daemon, how)()
    upstream.close()
    daemon.start()
    with doh.h2_tls(daemon.port, ca) as c:
        for name in names:
            reply = c.ask(doh.question(name))
            assert addresses(reply) == ["192.0.2.1"] and reply.max_age <= 300
        assert c.ask(doh.question("never-asked.example")).dns.rcode() == dns.rcode.SERVFAIL
    assert daemon.metric('cache_hits_total{level="store"}') == len(names)


def test_two_workers_share_one_cache(make_polynya, upstream, ca):
    """What one worker learnt the other knows: each name goes upstream once, whoever is asked."""
    daemon = make_polynya(upstream, workers=2)
    fill(daemon, ca, [f"common{i}.example" for i in range(10)])
    for _ in range(20):
        with doh.h2_tls(daemon.port, ca) as c:
            for i in range(10):
                assert addresses(c.ask(doh.question(f"common{i}.example"))) == ["192.0.2.1"]
    assert len(upstream.queries()) == 10
    assert daemon.metric('cache_hits_total{level="store"}') > 0, "both workers were asked"


def test_failures_are_not_stored(make_polynya, upstream, ca):
    upstream.script("bad.example", fail(2))
    daemon = make_polynya(upstream)
    with doh.h2_tls(daemon.port, ca) as c:
        assert c.ask(doh.question("bad.example")).dns.rcode() == 2
    daemon.stop()
    upstream.script("bad.example", answer("A 192.0.2.1"))
    daemon.start()
    with doh.h2_tls(daemon.port, ca) as c:
        assert addresses(c.ask(doh.question("bad.example"))) == ["192.0.2.1"]


def cache_files(daemon):
    return sorted(p for p in (daemon.state / "cache").iterdir() if p.name.startswith("cache") and p.name.endswith(".mdb"))


def tear(path):
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 3])


def scribble(path):
    with path.open("r+b") as f:
        for at in range(4096 * 2, path.stat().st_size, 4096):
            f.seek(at)
            f.write(b"\xa5" * 64)


DAMAGE = {
    "torn": tear, "empty": lambda p: p.write_bytes(b""), "foreign": lambda p: p.write_bytes(b"not a database at all\n" * 500),
    "zeros": lambda p: p.write_bytes(bytes(p.stat().st_size)), "scribbled": scribble,
    "folder": lambda p: (p.unlink(), p.mkdir()),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_damaged_cache_file_is_survived(make_polynya, upstream, ca, damage):
    daemon = make_polynya(upstream)
    fill(daemon, ca, [f"d{i}.example" for i in range(50)])
    daemon.stop()
    assert cache_files(daemon)
    for path in cache_files(daemon):
        DAMAGE[damage](path)
    daemon.start()
    mark = 0
    with doh.h2_tls(daemon.port, ca) as c:
        for i in range(60):
            assert addresses(c.ask(doh.question(f"d{i}.example"))) == ["192.0.2.1"]
        wait_until(lambda: daemon.metric("cache_writes_total") > 0, "the new file to be written")
    if damage != "empty":   # nothing to name: an empty file is a new one
        assert daemon.program.grep(r"event=cache\.", since=mark)
    daemon.stop()
    daemon.start()
    before = len(upstream.queries())
    with doh.h2_tls(daemon.port, ca) as c:
        assert addresses(c.ask(doh.question("d59.example"))) == ["192.0.2.1"]
    assert len(upstream.queries()) == before, "the new file keeps what it is given"


def test_cache_folder_cannot_be_written(make_polynya, upstream, ca):
    """Serving goes on without a store."""
    daemon = make_polynya(upstream)
    daemon.stop()
    for path in (daemon.state / "cache").iterdir():
        if path.name.startswith("cache"):
            path.unlink()
            path.mkdir()
            (path / "in the way").touch()
    daemon.start()
    with doh.h2_tls(daemon.port, ca) as c:
        for _ in range(3):
            assert addresses(c.ask(doh.question("nostore.example"))) == ["192.0.2.1"]


def test_size_on_disk_is_bounded(make_polynya, upstream, ca):
    """Many more answers than fit: the files stay within cache.size, and serving never stops."""
    upstream.script_all(answer(*[f'TXT "{i:03d}{"z" * 240}"' for i in range(3)]))
    daemon = make_polynya(upstream, cache={"size": "4MB", "memory": "1MB"}, limits={"miss-rate": 0})
    with doh.h2_tls(daemon.port, ca) as c:
        for start in range(0, 8000, 80):
            streams = [c.get(doh.question(f"fill{i}.example", "TXT")) for i in range(start, start + 80)]
            assert all(c.wait(s).status == 200 for s in streams)
            on_disk = sum(p.stat().st_blocks * 512 for p in cache_files(daemon) if p.exists())
            assert on_disk <= 4_400_000
    assert daemon.metric("cache_rotations_total") >= 1


def test_everything_stays_in_the_state_folder(make_polynya, upstream, ca):
    daemon = make_polynya(upstream, workers=2)
    fill(daemon, ca, ["place.example"])
    allowed = {daemon.file.name, daemon.log.name, "state"}
    assert {p.name for p in daemon.dir.iterdir()} == allowed
    for path in [*daemon.state.rglob("*")]:
        assert path.lstat().st_mode & 0o007 == 0, f"{path.name} is open to others"


def test_workers_hold_no_stray_descriptors(make_polynya, upstream):
    """A worker has its own sockets, not its siblings' or the supervisor's."""
    daemon = make_polynya(upstream, workers=2)
    for pid in daemon.workers().values():
        targets = [os.readlink(p) for p in pathlib.Path(f"/proc/{pid}/fd").iterdir()]
        assert not any("inotify" in t or "signalfd" in t for t in targets), targets
        assert len(targets) < 40
