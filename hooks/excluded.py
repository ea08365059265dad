"""What the exe leaves out, and why; the spec reads this."""

EXCLUDED = {
    "numba": "a compiler: at the first call, for every new exe; see keyscan.spectrogram.reference",
    "llvmlite": "the back end of that compiler",
    "sklearn": "librosa's decompositions and segments, which a constant-Q has no use for",
    "joblib": "librosa's cache on disk, which is off; see keyscan.spectrogram.reference",
    "pooch": "librosa's downloads of examples; see keyscan.spectrogram.reference",
    "matplotlib": "keyscan.plot, which then says so, and plots of librosa, scipy and tqdm",
    "mpl_toolkits": "matplotlib's",
    "PIL": "video frames as images, for PyAV",
    "tkinter": "windows",
    "IPython": "notebooks",
    "pandas": "tables, for tqdm and torch",
    "dask": "another numpy, for scipy",
    "cupy": "another numpy, for scipy",
    "jax": "another numpy, for scipy",
    "sympy": "sizes as symbols, for torch's compiler",
    "mpmath": "sympy's, and scipy's way to make its tables",
    "networkx": "graphs of torch's compiler",
    "triton": "a compiler for GPUs",
    "nvidia": "the libraries of CUDA",
    "functorch": "an old name of torch.func",
    "jinja2": "templates of torch's compiler",
    "fsspec": "remote files, for torch",
    "yaml": "numpy's and torch's way to print settings",
    "pytest": "numpy's and scipy's tests of themselves",
    "_pytest": "pytest's",
    "hypothesis": "numpy's tests of itself",
    "expecttest": "torch's tests of itself",
    "setuptools": "builds extensions, for cffi and torch",
    "distutils": "built extensions before setuptools did, for numpy and torch",
    "pkg_resources": "finds installed packages, for setuptools",
    "pycparser": "reads C headers, for cffi, when a binding is built",
    "charset_normalizer": "reads Fortran sources, for numpy",
    "pygments": "coloured tracebacks",
    "pdb": "a debugger",
    "ssl": "the network, which the exe never uses",
    "_hashlib": "OpenSSL's digests; Python has its own",
    "samplerate": "a resampler of librosa's that is not used",
    "resampy": "a resampler of librosa's that is not used",
}

UNCALLED = {
    "scipy.interpolate": "splines, for scipy.signal and librosa's harmonics",
    "scipy.linalg": "matrices, for filters of scipy.signal",
    "scipy.ndimage": "images, for scipy.signal and librosa's local maxima",
    "scipy.optimize": "minima, for filters of scipy.signal and librosa's least squares",
    "scipy.sparse.csgraph": "graphs, for scipy.sparse",
    "scipy.sparse.linalg": "solvers, for scipy.sparse",
    "scipy.spatial": "nearest neighbours, for scipy.signal",
    "scipy.spatial.distance": "distances, for librosa's alignments",
    "scipy.special": "special functions, for scipy.signal and scipy.fft",
    "scipy.stats": "percentiles, for peaks of scipy.signal",
}
"""What ``librosa.cqt`` imports but never calls: ``freezing/uncalled`` takes its place.

Nothing else in the exe needs the OpenBLAS that comes with scipy.
"""
