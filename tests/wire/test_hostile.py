# SPDX-License-Identifier: GPL-3.0-or-later
"""Attacks: while each runs a good client gets every answer, the attacker is cut off, and memory comes back.

lib/attacks.py has them all; what readers feel meanwhile is measured by tests/bench/attacks, since no time is asserted here.
"""
import contextlib
import http.client
import pathlib
import re
import resource
import socket

import dns.rcode
import pytest
from lib import attack, attacks, doh
from lib.attack import Cut, Target
from lib.dot import Dot
from lib.good import unharmed
from lib.ports import free_port
from lib.process import wait_until


HASTY = pytest.mark.no_memcheck("nothing is fast enough")


def each(group):
    return pytest.mark.parametrize("bad", [pytest.param(a, marks=HASTY if a.hasty else (), id=a.name) for a in group])


@pytest.fixture
def under(make_polynya, upstream, ca):
    """Rounds of an attack on a daemon with the limits that it needs, and a good client meanwhile. Gives daemon and target,
    with the good client still there."""
    @contextlib.contextmanager
    def run(bad, rounds=1, **good):
        ports = {protocol: free_port() for protocol in ("https", "tls")}
        daemon = make_polynya(upstream, limits=bad.limits,
                              listen=[{"address": f"127.0.0.1:{port}", "protocol": p} for p, port in ports.items()])
        target = Target(ports[bad.protocol], ca)
        with unharmed(daemon, ca, **good):
            if bad.prepare:
                bad.prepare(daemon.workers()[0])
            for _ in range(rounds):
                assert bad.once(target) in bad.ends
            yield daemon, target
    return run


@each(attacks.FLOODS)
def test_a_flood_is_cut_off(under, bad):
    with under(bad, rounds=3):
        pass


@each(attacks.HOLDS)
def test_answers_that_nobody_takes_are_given_up(under, bad):
    with under(bad) as (daemon, _):
        # Asking without reading is found out by either.
        assert daemon.metric('connections_timed_out_total{timer="write"}') + daemon.metric("connections_abusive_total") >= 1


@each(attacks.SLOW)
def test_a_slow_client_is_given_up(under, bad):
    with under(bad) as (daemon, _):
        assert daemon.metric('connections_timed_out_total{timer="read"}') == attacks.SLOW_CLIENTS


@each(attacks.CROWDS + attacks.DOT)
def test_a_crowd_is_held_off(under, bad):
    with under(bad, kept=20):
        pass


def test_half_open_handshakes_keep_nobody_out(make_polynya, upstream, ca):
    daemon = make_polynya(upstream, limits={"handshakes": 800})
    with unharmed(daemon, ca), attacks.half_opened(Target(daemon.port, ca), 2000):
        wait_until(lambda: daemon.metric('connections_refused_total{limit="handshakes"}') >= 1200, "the oldest to go")
        with doh.h2_tls(daemon.port, ca) as new:
            assert new.ask(doh.question("good.example")).dns.answer


def test_idle_connections_beyond_the_cap_give_way_oldest_first(make_polynya, upstream, ca):
    daemon = make_polynya(upstream, limits={"connections": 100, "idle-timeout": "1h"})
    with unharmed(daemon, ca), attacks.idlers(Target(daemon.port, ca), 150) as idle:
        with pytest.raises(Cut) as cut:
            idle[0].drain()
        assert cut.value.code == attack.NO_ERROR
        assert idle[-1].alive()
        assert daemon.metric("connections_evicted_total") >= 50
        # Nine in ten places are taken: one question, and then the place is wanted back.
        last = idle[-1]
        last.send(attack.frame(attack.HEADERS, attack.END_HEADERS | attack.END_STREAM, 1, attack.request(target=attacks.ASK)))
        with pytest.raises(Cut) as cut:
            last.drain()
        assert cut.value.code == attack.NO_ERROR and last.status == {1: 200} and last.ended == {1}


def test_who_does_not_take_his_answers_gives_way(make_polynya, upstream, ca):
    """Windows that never open, on as many connections as there may be: no newcomer is kept out by them."""
    daemon = make_polynya(upstream, limits={"connections": 30, "write-timeout": "5m"})
    get = attack.request(target=attacks.ASK)
    with contextlib.ExitStack() as stack:
        for n in range(40):
            bad = stack.enter_context(attack.Raw(Target(daemon.port, ca, source=f"127.66.{n}.1").tls(),
                                                 attack.setting(attack.INITIAL_WINDOW_SIZE, 0)))
            bad.send(attack.frame(attack.HEADERS, attack.END_HEADERS | attack.END_STREAM, 1, get))
            bad.read_until(lambda: bad.status)
        for _ in range(10):
            new = stack.enter_context(doh.h2_tls(daemon.port, ca))
            assert new.ask(doh.question("good.example")).dns.answer
    assert daemon.metric("connections_evicted_total") >= 20 and not daemon.metric('connections_refused_total{limit="process"}')


def test_limits_are_of_all_listeners_together(make_polynya, upstream, ca):
    """One admission: whom a limit concerns, it concerns by whatever protocol."""
    ports = {protocol: free_port() for protocol in ("https", "http", "tls")}
    daemon = make_polynya(upstream, limits={"connections-per-prefix": 3, "query-rate": 1},
                          listen=[{"address": f"127.0.0.1:{port}", "protocol": p} for p, port in ports.items()])
    by = {p: Target(port, ca) for p, port in ports.items()}
    with doh.H2(by["https"].tls()) as https, doh.H2(by["http"].tcp()) as http, \
            Dot(ports["tls"], ca, source=by["tls"].source) as dot:
        dot.send(*[doh.question("good.example", id=n) for n in range(50)])
        assert [dot.read().rcode() for _ in range(50)].count(dns.rcode.REFUSED) >= 30
        for c in (https, http):
            statuses = [c.wait(stream).status for stream in [c.get(doh.question("good.example")) for _ in range(50)]]
            assert statuses.count(429) >= 30
        for target in by.values():
            with target.tcp() as fourth:
                assert attacks.wait_closed(fourth) == "closed"
        assert daemon.metric('connections_refused_total{limit="prefix"}') == 3
        with doh.H2(Target(ports["http"], ca, source="127.99.0.1").tcp()) as other:
            assert other.ask(doh.question("good.example")).dns.answer


def loop_turns(daemon):
    """While descriptors are short the operator may have to ask again."""
    def ask():
        try:
            return daemon.metric("loop_turns_total")
        except (OSError, http.client.HTTPException):
            return None
    return wait_until(ask, "metrics")


def test_without_descriptors_the_oldest_give_way(make_polynya, upstream, ca):
    daemon = make_polynya(upstream, limits={"connections": 1000, "idle-timeout": "1h"})
    with unharmed(daemon, ca):
        attacks.squeeze(daemon.workers()[0])
        turns = loop_turns(daemon)
        with attacks.half_opened(Target(daemon.port, ca), 800, per_network=4) as socks:
            daemon.program.wait_line(r"event=accept\.short")
            assert attacks.wait_closed(socks[0]) == "closed"
            assert loop_turns(daemon) - turns < 20000, "not as many turns as the processor allows"


def naps(pid):
    """How often a process went to sleep: one that spins does not."""
    status = pathlib.Path(f"/proc/{pid}/status").read_text()
    return int(re.search(r"^voluntary_ctxt_switches:\s+(\d+)", status, re.MULTILINE).group(1))


def test_without_descriptors_and_idle_connections_listening_pauses(make_polynya, upstream, ca):
    """Who comes when there is nobody to send away waits in the kernel's queue, and nothing spins."""
    daemon = make_polynya(upstream)
    pid = daemon.workers()[0]
    turns = daemon.metric("loop_turns_total")
    before = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (3, before[1]))
    with contextlib.ExitStack() as stack:
        waiting = [stack.enter_context(doh.connect(daemon.plain_port)) for _ in range(9)]
        daemon.program.wait_line(r"event=accept\.short")
        mark = naps(pid)
        wait_until(lambda: naps(pid) >= mark + 5, "the worker to sleep")
        resource.prlimit(pid, resource.RLIMIT_NOFILE, before)
        for sock in waiting:
            assert doh.H2(sock).ask(doh.question("good.example")).dns.answer
        assert daemon.metric("accept_pauses_total") >= 1
        assert daemon.metric("loop_turns_total") - turns < 1000


@pytest.mark.no_memcheck("keeps files of its own open, which do not fit")
def test_connections_leave_descriptors_for_the_rest(make_polynya, upstream, ca):
    """Full to the last place, the worker still asks the upstream and answers the operator."""
    daemon = make_polynya(upstream, limits={"connections": 100000, "idle-timeout": "1h"})
    resource.prlimit(daemon.program.pid, resource.RLIMIT_NOFILE, (600, 600))
    daemon.reload()
    daemon.only_current()
    assert daemon.program.grep(r"event=limits\.descriptors connections=344 wanted=100000")
    with contextlib.ExitStack() as stack:
        for n in range(500):
            stack.enter_context(socket.create_connection(("127.0.0.1", daemon.plain_port),
                                                         source_address=(f"127.66.{n // 2}.1", 0)))
        wait_until(lambda: daemon.metric("connections_evicted_total") >= 500 - 344, "the oldest to be sent away")
        with doh.h2_tls(daemon.port, ca) as new:
            assert new.ask(doh.question("new.example")).dns.answer
    assert not daemon.program.grep(r"event=accept\.paused")


def test_random_names_use_up_their_own_budget_only(make_polynya, upstream, ca):
    daemon = make_polynya(upstream, limits={"miss-rate": 20})
    with unharmed(daemon, ca):
        # What is cached is still answered to him, too.
        heads = attacks.ask_many(Target(daemon.port, ca), [f"r{n}.victim.example" for n in range(500)] + ["good.example"])
    refused = attacks.turned_away(heads)
    assert len(refused) > 50 and heads[-1][":status"] == "200"
    asked = len([s for s in upstream.seen if "victim.example" in s.name.lower()])
    assert asked + len(refused) + 1 == len(heads)


def test_random_names_of_one_domain_by_many_clients(make_polynya, upstream, ca):
    """None of them asks much. What is cached of the domain is still answered, and all of every other."""
    daemon = make_polynya(upstream, limits={"domain-miss-rate": 10})
    with unharmed(daemon, ca), doh.h2_tls(daemon.port, ca) as reader:
        assert reader.ask(doh.question("www.victim.example")).dns.answer
        for n in range(20):
            names = [f"r{n}-{i}.{'deeper.' * (n % 3)}victim.example" for i in range(20)]
            heads = attacks.ask_many(Target(daemon.port, ca, source=f"127.66.{n}.1"), names)
            assert {h[":status"] for h in heads} == {"200"}, "he may be a reader whose names they are"
        assert reader.ask(doh.question("new.Victim.example")).dns.rcode() in (0, 2), "as the rate has it"
        assert reader.ask(doh.question("www.victim.example")).dns.answer
        assert reader.ask(doh.question("new.bystander.example")).dns.answer
        refused = daemon.metric('answers_total{reason="domain-rate"}')
    asked = len([s for s in upstream.seen if "victim.example" in s.name.lower()])
    assert refused > 50 and asked + refused == 402


def test_one_client_cannot_have_everything(make_polynya, upstream, ca):
    daemon = make_polynya(upstream, limits={"query-rate": 200})
    with unharmed(daemon, ca, kept=20):
        heads = attacks.ask_many(Target(daemon.port, ca), ["good.example"] * 4000)
    refused = attacks.turned_away(heads)
    assert refused and all(int(h["retry-after"]) >= 1 for h in refused)
    assert len(heads) - len(refused) >= 2000, "ten seconds' worth may come at once"
    assert all(h[":status"] in ("200", "429") for h in heads)


@HASTY
def test_handshakes_have_a_rate(make_polynya, upstream, ca):
    daemon = make_polynya(upstream, limits={"connection-rate": 20})
    target = Target(daemon.port, ca)
    with unharmed(daemon, ca):
        assert attacks.handshakes(target) == "closed"
        assert daemon.metric('connections_refused_total{limit="rate"}') == target.refused
        # Another network is not concerned.
        with doh.H2(Target(daemon.port, ca, source="127.99.0.1").tls()) as other:
            assert other.ask(doh.question("good.example")).dns.answer


def test_garbage_bodies_are_refused_unread(make_polynya, upstream, ca):
    daemon = make_polynya(upstream)
    with unharmed(daemon, ca):
        for _ in range(40):
            assert attacks.garbage_bodies(Target(daemon.port, ca)) == "400 413"
    assert not [s for s in upstream.seen if s.name.lower() != "good.example."]


@pytest.mark.parametrize("fields", attacks.CONFUSED)
def test_nothing_is_smuggled_past_a_confused_length(shared, module_upstream, ca, fields):
    """One request, one answer: what follows is never taken for a request of its own."""
    with doh.h1_tls(shared.port, ca) as c:
        reply = attacks.confuse(c, fields)
        assert reply.status in (400, 413, 501), reply
        assert c.at_end()
    assert not [s for s in module_upstream.seen if s.name.lower() == "slow.example."]


def test_space_behind_a_length_is_none(shared, ca):
    """Optional space, RFC 9112 5: the length is plainly 4."""
    with doh.h1_tls(shared.port, ca) as c:
        assert attacks.confuse(c, "Content-Length: 4 ").status == 400
