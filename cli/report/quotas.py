"""What must have been granted, whatever the cloud."""

from __future__ import annotations

from collections.abc import Sequence

from cli.report.document import Column, Table
from cli.report.values import code, count, words
from planning.clusters.quotas import Quota

QUOTAS = (
    Column("quota", "Quota"),
    Column("region", "Region"),
    Column("needed", "Needed"),
    Column("because", "Because"),
)


def quotas_table(quotas: Sequence[Quota]) -> Table:
    return Table(
        key="quotas",
        columns=QUOTAS,
        rows=tuple(
            (
                code(quota.name),
                words(quota.region or "all"),
                count(quota.needed.value),
                words(quota.needed.because if quota.shown == quota.name else f"{quota.shown}: {quota.needed.because}"),
            )
            for quota in quotas
        ),
    )
