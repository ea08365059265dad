"""The track of the demo, the tests and the benchmarks: that of the self-test."""

from __future__ import annotations

from keyscan.doctor.benchmark import SAMPLE_RATE, encode, render_track, write_audio

__all__ = ["SAMPLE_RATE", "encode", "render_track", "write_audio"]
