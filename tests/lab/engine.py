"""Hosts of a test's own: the lab's. See bench/lab/engine.py."""

from bench.lab.engine import LabEngine

__all__ = ["LabEngine"]
