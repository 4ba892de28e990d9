"""The proxy's configuration says what was planned."""

from __future__ import annotations

import re
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from planning.proxy import Proxy, nginx_config, plan_proxy

proxies = st.builds(
    plan_proxy,
    server=st.just("vision"),
    connection_age_s=st.integers(1, 60),
    pre_stop_s=st.integers(1, 120),
    slowest_request_s=st.integers(1, 600),
)


def block(config: str, name: str) -> str:
    """The text of the block `name`, nested ones without."""
    inside = config.split(f"{name} {{", 1)[1]
    return inside.split("{", 1)[0].split("}", 1)[0]


@given(proxies)
def test_clients_are_sent_away_at_the_planned_age(proxy: Proxy) -> None:
    config = nginx_config(proxy)
    assert f"keepalive_time {proxy.connection_age.value}s;" in block(config, "http")
    assert f"listen 0.0.0.0:{proxy.http.port} " in config
    assert f"listen 0.0.0.0:{proxy.grpc.port} http2 " in config


@given(proxies)
def test_no_time_limit_is_below_the_slowest_request(proxy: Proxy) -> None:
    config = nginx_config(proxy)
    limits = re.findall(
        r"(?:[a-z]+_read_timeout|[a-z]+_send_timeout|client_body_timeout|worker_shutdown_timeout) (\d+)s;", config
    )
    assert len(limits) == 6
    assert all(int(limit) >= proxy.answer.value for limit in limits)


@given(proxies)
def test_a_client_that_is_told_that_triton_is_not_there_asks_over_a_new_connection(proxy: Proxy) -> None:
    config = nginx_config(proxy)
    http = config.split(f"listen 0.0.0.0:{proxy.http.port}", 1)[1].split("listen", 1)[0]
    assert "error_page 502 @gone;" in http
    assert block(config, "location @gone").split() == ["keepalive_timeout", "0;", "return", "502;"]


@given(st.integers(1, 120), st.integers(1, 600))
def test_nginx_outlasts_sigterm_and_leaves_before_triton_cuts_it(pre_stop_s: int, slowest_request_s: int) -> None:
    proxy = plan_proxy(server="vision", connection_age_s=1, pre_stop_s=pre_stop_s, slowest_request_s=slowest_request_s)
    assert pre_stop_s <= proxy.quit_after.value < pre_stop_s + slowest_request_s
    assert proxy.away_after.value < pre_stop_s


@given(proxies)
def test_what_was_sent_is_never_sent_again(proxy: Proxy) -> None:
    """nginx repeats a POST only where it is told that it may (`non_idempotent`)."""
    config = nginx_config(proxy)
    assert re.findall(r"(\w+)_next_upstream ([^;]*);", config) == [
        ("proxy", "error timeout"),
        ("grpc", "error timeout"),
    ]


@given(proxies)
def test_another_pod_is_asked_only_where_triton_here_refuses_and_never_for_this_pods_health(proxy: Proxy) -> None:
    config = nginx_config(proxy)
    for wire, port in (("http", proxy.http.triton_port), ("grpc", proxy.grpc.triton_port)):
        servers = re.findall(r"server (\S+)( .*)?;", block(config, f"upstream {wire}"))
        assert servers[0] == (f"127.0.0.1:{port}", " max_fails=0")
        assert set(servers[1:]) == {(f"vision-others:{port}", " max_fails=0 backup")}
        assert re.findall(r"server (\S+)", block(config, f"upstream here_{wire}")) == [f"127.0.0.1:{port}"]
        away = re.findall(r"server (\S+)( .*)?;", block(config, f"upstream away_{wire}"))
        assert set(away[:-1]) == {(f"vision-others:{port}", " max_fails=0")}
        assert away[-1] == (f"127.0.0.1:{port}", " max_fails=0 backup")
    assert "http://here_http;" in block(config, "location /v2/health/")
    assert "grpc://here_grpc;" in block(config, "location /grpc.health.v1.Health/")
    assert not re.search("vision-others|away_", nginx_config(replace(proxy, others=None)))


@given(proxies)
def test_everything_written_goes_to_the_scratch_folder(proxy: Proxy) -> None:
    config = nginx_config(proxy, scratch="/elsewhere")
    paths = re.findall(r"(?:_temp_path|^pid) (\S+);", config, re.MULTILINE)
    assert len(paths) == 6
    assert all(path.startswith("/elsewhere/") for path in paths)
    assert config.count("{") == config.count("}")
