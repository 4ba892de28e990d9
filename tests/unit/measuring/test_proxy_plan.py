"""The proxy's configuration says what was planned."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from planning.proxy import Proxy, nginx_config, plan_proxy

proxies = st.builds(
    plan_proxy,
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
    server = block(nginx_config(proxy), "server")
    assert f"keepalive_time {proxy.connection_age.value}s;" in server
    assert f"listen 0.0.0.0:{proxy.port} " in server


@given(proxies)
def test_no_time_limit_is_below_the_slowest_request(proxy: Proxy) -> None:
    config = nginx_config(proxy)
    limits = re.findall(r"(?:proxy_read_timeout|proxy_send_timeout|worker_shutdown_timeout) (\d+)s;", config)
    assert len(limits) == 3
    assert all(int(limit) >= proxy.answer.value for limit in limits)


@given(proxies)
def test_a_client_that_is_told_that_triton_is_not_there_asks_over_a_new_connection(proxy: Proxy) -> None:
    config = nginx_config(proxy)
    assert "error_page 502 @gone;" in block(config, "location /")
    assert block(config, "location @gone").split() == ["keepalive_timeout", "0;", "return", "502;"]


@given(st.integers(1, 120), st.integers(1, 600))
def test_nginx_outlasts_sigterm_and_leaves_before_triton_cuts_it(pre_stop_s: int, slowest_request_s: int) -> None:
    proxy = plan_proxy(connection_age_s=1, pre_stop_s=pre_stop_s, slowest_request_s=slowest_request_s)
    assert pre_stop_s <= proxy.quit_after.value < pre_stop_s + slowest_request_s


@given(proxies)
def test_a_request_is_sent_once_and_everything_written_goes_to_the_scratch_folder(proxy: Proxy) -> None:
    config = nginx_config(proxy, scratch="/elsewhere")
    assert "proxy_next_upstream off;" in config
    paths = re.findall(r"(?:_temp_path|^pid) (\S+);", config, re.MULTILINE)
    assert len(paths) == 6
    assert all(path.startswith("/elsewhere/") for path in paths)
    assert config.count("{") == config.count("}")
