"""The Prometheus operator, the Prometheus and the prometheus-adapter that are installed.

`controllers.prometheus_operator: install` and `controllers.prometheus_adapter: install` bring these and no others. The
operator's definitions are in components/controllers/crds/ (tools/crds/go.mod pins the module that they are out of), and
all images are in the image lock: they change together.
"""

from __future__ import annotations

from typing import Final

OPERATOR: Final = "0.93.0"
"""It has Prometheus up to 3.13.1 among those that it knows, and takes any newer 3 for one of them
(prometheus-operator v0.93.0, pkg/operator/defaults.go)."""

PROMETHEUS: Final = "3.13.2"
"""Of the long-term support series 3.13. Its image without a shell."""

ADAPTER: Final = "0.12.0"
"""The newest there is (kubernetes-sigs/prometheus-adapter, May 2024)."""
