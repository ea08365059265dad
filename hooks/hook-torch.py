"""torch: its libraries, and of the Python code what ``import torch`` and inference load.

Replaces the hook that comes with PyInstaller, which takes everything, sources and tests included.
"""

from PyInstaller import compat, isolated
from PyInstaller.utils.hooks import (
    PY_DYLIB_PATTERNS,
    collect_dynamic_libs,
    get_package_paths,
)

excludedimports = [
    "torch._inductor",  # a compiler: models run as they are, without torch.compile
    "torch._dynamo",  # the tracer of that compiler
    "torch.fx.experimental.symbolic_shapes",  # of the same
    "torch.utils._sympy",  # of the same
    "torch.utils.cpp_extension",  # compiles C++
    "torch.utils.hipify",  # translates CUDA sources
    "torch.onnx",  # exports models
    "torch._export.serde",  # exports models
    "torch._export.db",  # examples of exports
    "torch._export.passes",  # rewrites exports
    "torch._numpy",  # numpy for compiled code
    "torch._lazy",  # tensors of TPUs
    "torch.contrib",  # TensorBoard
    "torch.utils.tensorboard",  # shows training
    "torch.utils.benchmark",  # measures operations
    "torch.utils.bottleneck",  # profiles scripts
    "torch.utils.viz",  # draws graphs
    "torch.ao.ns",  # compares quantised models
    "torch.ao.pruning",  # training
    "torch.ao.quantization.backend_config",  # quantises models, which ours are not
    "torch.ao.quantization.fx",  # of the same
    "torch.ao.quantization.pt2e",  # of the same
    "torch.ao.quantization.quantizer",  # of the same
    "torch.distributed._composable",  # training on many machines, as all that follows
    "torch.distributed._shard",
    "torch.distributed._sharded_tensor",
    "torch.distributed._symmetric_memory",
    "torch.distributed._tensor",
    "torch.distributed._tools",
    "torch.distributed.benchmarks",
    "torch.distributed.checkpoint",
    "torch.distributed.elastic",
    "torch.distributed.flight_recorder",
    "torch.distributed.fsdp",
    "torch.distributed.launcher",
    "torch.distributed.nn",
    "torch.distributed.optim",
    "torch.distributed.pipelining",
    "torch.distributed.tensor",
    "torch.testing._internal.common_utils",  # torch's own tests, as all that follows
    "torch.testing._internal.common_device_type",
    "torch.testing._internal.common_methods_invocations",
    "torch.testing._internal.distributed",
    "torch.testing._internal.opinfo",
    "cutlass",  # the same
    "optree",  # another way to do what torch does itself
    "opt_einsum",  # orders the products of einsum, which the model does not use
    "scipy",  # of decoders of data sets
    "dill",  # pickles code
    "tabulate",  # tables
]

_TESTS = ("aoti_custom_ops", "backend_with_compiler", "jitbackend_test", "torchbind_test")


def _loaded() -> list[str]:
    """What ``import torch`` loads, some of it by names that no analysis of the code can find."""
    import sys

    import torch  # noqa: F401

    return [name for name in sys.modules if name.partition(".")[0] in ("torch", "torchgen")]


_MADE_AT_RUN_TIME = ("torch._C.", "torch.classes", "torch.ops")
hiddenimports = [name for name in isolated.call(_loaded) if not name.startswith(_MADE_AT_RUN_TIME)]
module_collection_mode = (
    "pyz+py"  # it reads its own sources: import torch, torch.load and torch.jit
)
_wrong = {name for name in hiddenimports for prefix in excludedimports
          if f"{name}.".startswith(f"{prefix}.")}  # fmt: skip
if _wrong:
    raise SystemExit(f"hook-torch excludes what this version of torch loads: {sorted(_wrong)}")

binaries = [
    (source, folder)
    for source, folder in collect_dynamic_libs(
        "torch", search_patterns=[*PY_DYLIB_PATTERNS, "*.so.*"]
    )
    if not any(name in source for name in _TESTS)  # libraries of torch's own tests
]
if not compat.is_win:  # torch does not start without this program, though nobody ever runs it
    binaries.append((f"{get_package_paths('torch')[1]}/bin/torch_shm_manager", "torch/bin"))
# torch looks for its libraries next to each other: links to them elsewhere would confuse it
bindepend_symlink_suppression = ["**/torch/lib/*.so*"]
