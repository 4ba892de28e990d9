"""Runs as they might have been measured, for what is made of them."""

from __future__ import annotations

from typing import Any

from benchmarks.drain.run import Cell, Run


def cell(settings: str = "tritonup", client: str = "http", sent: int = 100, **fields: Any) -> Cell:
    given: dict[str, Any] = {
        "settings": settings,
        "client": client,
        "sent": sent,
        "during": sent // 2,
        "lost": {},
        "lost_at": [],
        "late": 0,
        "p50_ms": 101,
        "p99_ms": 140,
        "doubt": None,
    }
    return Cell(**{**given, **fields})


def run(kind: str, number: int, *cells: Cell, **fields: Any) -> Run:
    given: dict[str, Any] = {
        "kind": kind,
        "number": number,
        "at": "2026-11-27T08:00:00+00:00",
        "rate": 20.0,
        "disruption_s": 20.0,
        "whole_after_s": 30.5,
        "remarks": (),
        "restarts": {},
        "cells": cells,
    }
    return Run(**{**given, **fields})
