"""What this machine's processor is: what it can do, and how much of it this process may use."""

from __future__ import annotations

import hashlib
import os
import platform
from pathlib import Path

_ABOUT = Path("/proc/cpuinfo")
_TOLD = ("model name", "flags", "Features", "CPU implementer", "CPU part")


def has_bf16() -> bool:
    """Tell whether this CPU has instructions for bf16; without them it is emulated, and slower than fp32."""
    about = _about()
    return "avx512_bf16" in about or "amx_bf16" in about


def cores() -> int:
    """Return the number of cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def digest() -> str:
    """Return a digest of the processor's model and instructions, the same on machines of one kind."""
    told = sorted({line for line in _about().splitlines() if line.partition("\t")[0].strip() in _TOLD})
    return hashlib.sha256("\n".join([platform.machine(), platform.processor(), *told]).encode()).hexdigest()[:16]


def _about() -> str:
    try:
        return _ABOUT.read_text(encoding="utf-8")
    except OSError:  # another system than Linux
        return ""
