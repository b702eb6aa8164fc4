"""Certificates of test engines: the lab's own."""

from bench.lab.certificates import LabAuthority

__all__ = ["LabAuthority"]
