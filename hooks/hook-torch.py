"""torch: its libraries, and the Python modules that ``import torch`` and inference load.

Replaces PyInstaller's own hook, which collects everything, including all sources and tests.
"""

from pathlib import Path

from PyInstaller import compat, isolated
from PyInstaller.utils.hooks import (
    PY_DYLIB_PATTERNS,
    collect_dynamic_libs,
    get_package_paths,
)

excludedimports = [
    "torch._inductor",  # a compiler: the model runs without torch.compile
    "torch._dynamo",  # the tracer of that compiler
    "torch._decomp",  # operators in terms of others, for the compiler
    "torch._prims",  # the fewest operators that the others can be made of
    "torch._refs",  # every operator in Python, made of those
    "torch.fx.experimental.symbolic_shapes",  # symbolic sizes, for the compiler
    "torch.utils._sympy",  # the arithmetic of those symbols
    "torch.utils.cpp_extension",  # compiles C++
    "torch.utils.hipify",  # translates CUDA sources
    "torch.onnx",  # exports models
    "torch._export.serde",  # writes exported models to files
    "torch._export.db",  # examples of exports
    "torch._export.passes",  # rewrites exports
    "torch._numpy",  # numpy for compiled code
    "torch._lazy",  # tensors of TPUs
    "torch.utils.tensorboard",  # displays training
    "torch.ao.ns",  # compares quantised models
    "torch.ao.pruning",  # makes models sparse while they are trained
    "torch.ao.quantization.backend_config",  # operators for quantisation; our model has none
    "torch.ao.quantization.fx",  # quantises traced models
    "torch.distributed._composable",  # wraps models for training on many machines
    "torch.distributed._shard",  # parameters in pieces, each on its own machine
    "torch.distributed._symmetric_memory",  # memory that GPUs share
    "torch.distributed._tools",  # estimates the memory and time that training takes
    "torch.distributed.checkpoint",  # saves models that many machines hold
    "torch.distributed.elastic",  # restarts training when a machine fails
    "torch.distributed.fsdp",  # trains models too large for one GPU
    "torch.distributed.nn",  # layers that live on other machines
    "torch.distributed.optim",  # optimizers of parameters on other machines
    "torch.distributed.tensor",  # tensors in pieces, each on its own machine
    "torch.testing._internal.common_utils",  # helpers of torch's own tests
    "torch.testing._internal.common_device_type",  # runs those tests on every device
    "torch.testing._internal.common_methods_invocations",  # operators under test, with arguments
    "torch.testing._internal.distributed",  # torch's own tests of many machines
    "torch.testing._internal.opinfo",  # describes operators for torch's own tests
    "cutlass",  # matrix products on GPUs, for the compiler
    "optree",  # an optional replacement of torch's own pytree
    "opt_einsum",  # optimises einsum, which the model does not use
    "scipy",  # reads files of data sets, and checks torch's own tests
    "dill",  # pickles code
    "tabulate",  # tables
]

_TESTS = ("aoti_custom_ops", "backend_with_compiler", "jitbackend_test", "torchbind_test")


def _loaded() -> tuple[list[str], list[str]]:
    """The modules of torch that a model needs, and the source files that they read.

    Static analysis cannot find all of them.
    """
    import linecache
    import sys
    import types

    stand_in = "torch._meta_registrations"  # see hooks.excluded.UNCALLED
    sys.modules[stand_in] = types.ModuleType(stand_in)
    from keyscan.model.checkpoint import load_model

    load_model(None)
    del sys.modules[stand_in]
    modules = [name for name in sys.modules if name.partition(".")[0] in ("torch", "torchgen")]
    return modules, list(linecache.cache)


_MADE_AT_RUN_TIME = ("torch._C.", "torch.classes", "torch.ops")
_modules, _sources = isolated.call(_loaded)
hiddenimports = [name for name in _modules if not name.startswith(_MADE_AT_RUN_TIME)]
_wrong = {name for name in hiddenimports for prefix in excludedimports
          if f"{name}.".startswith(f"{prefix}.")}  # fmt: skip
if _wrong:
    raise SystemExit(f"hook-torch excludes what this version of torch loads: {sorted(_wrong)}")

_site, _torch = map(Path, get_package_paths("torch"))
datas = [
    (source, str(Path(source).parent.relative_to(_site)))
    for source in _sources
    if _torch in Path(source).parents
]
binaries = [
    (source, folder)
    for source, folder in collect_dynamic_libs(
        "torch", search_patterns=[*PY_DYLIB_PATTERNS, "*.so.*"]
    )
    if not any(name in source for name in _TESTS)  # libraries of torch's own tests
]
if not compat.is_win:  # torch does not start without this program, but never runs it
    binaries.append((str(_torch / "bin" / "torch_shm_manager"), "torch/bin"))
# torch expects its libraries in one folder: links to them in another folder break the search
bindepend_symlink_suppression = ["**/torch/lib/*.so*"]
