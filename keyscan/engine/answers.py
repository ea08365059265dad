"""What a worker process found becomes the outcome of a task, by model and cache."""

from __future__ import annotations

import contextlib
import json
import logging
from typing import TYPE_CHECKING

from keyscan.analysis import Analysis
from keyscan.audio.source import SourceFile
from keyscan.cache.lookup import FileRow, Identified, Known, Stamp, content_digest
from keyscan.engine.task import Outcome, Task
from keyscan.errors import AnalysisError, Cancelled, InternalError
from keyscan.runtime import Stages
from keyscan.spectrogram.constant_q import Features

if TYPE_CHECKING:  # sqlite3 and torch
    from keyscan.cache.store import ResultStore
    from keyscan.model.checkpoint import KeyModel

log = logging.getLogger(__name__)


class Answers:
    """A model, and the cache that keeps its answers; None: there is none.

    All but ``settings_of`` is for the model's thread.
    """

    def __init__(self, model: KeyModel, store: ResultStore | None) -> None:
        self._model, self._store = model, store

    @property
    def mean_only(self) -> bool:
        """As of ``KeyModel``."""
        return self._model.mean_only

    def settings_of(self, task: Task, *, whole: bool) -> tuple[bytes, ...]:
        """Of the cached answers that serve a task, the best first; none without a cache.

        ``whole``: only those of the whole track do.
        """
        if self._store is None:
            return ()
        kinds = (False, True) if task.in_parts and not whole else (False,)
        return tuple(self._store.settings_of(task.stream, in_parts=kind) for kind in kinds)

    def outcome(
        self, task: Task, found: Features | Known | AnalysisError, since: float
    ) -> Outcome | None:
        """The outcome of a task; None: its stretches are not certain.

        An exception is an ``InternalError``.
        """
        stages = Stages()
        if isinstance(found, AnalysisError):
            return Outcome(found, stages.seconds, since)
        stages.seconds.update(found.seconds)
        result: Analysis | AnalysisError | None = Cancelled()
        if not task.cancelled.is_set():
            try:
                result = self._analysis(task, found, stages)
            except Exception as error:
                log.exception("the model failed on %r", task.path)
                result = InternalError(f"{type(error).__name__}: {error}")
        return None if result is None else Outcome(result, stages.seconds, since)

    def keep_again(self, analysis: Analysis, stream: int | None) -> None:
        """Tell the cache that the same sound has other bytes around it now.

        ``stream`` is that of the task.
        """
        if self._store is None:
            return
        with contextlib.suppress(AnalysisError), SourceFile(analysis.path) as source:
            digest = content_digest(source, Stamp.of(source.status()), lambda: False)
            if digest is not None:
                self._keep(digest, None, analysis, stream)

    def close(self, timeout: float) -> None:
        """Write what the cache still has to keep, in ``timeout`` seconds at most."""
        if self._store is not None:
            self._store.close(timeout)

    def _analysis(self, task: Task, found: Features | Known, stages: Stages) -> Analysis | None:
        from keyscan.model.estimate import estimate_key  # and with it torch
        from keyscan.model.stretches import hear_stretches

        if isinstance(found, Known):
            analysis = Analysis.from_record(json.loads(found.record), task.path, found.spectrogram)
            if self._store is not None and found.file is not None:
                with stages.measure("cache"):
                    self._store.keep_file(found.file)
            return analysis
        if found.analysed_seconds is not None:
            heard = hear_stretches(self._model, found, task.path, stages)
            if not heard.is_certain():
                return None
            analysis = heard.together
        else:
            analysis = estimate_key(
                self._model,
                found.spectrogram,
                path=task.path,
                duration=found.duration,
                warnings=found.warnings,
                stream=found.stream,
                timeline=task.timeline or self._store is not None,  # a kept answer serves all
                keep_spectrogram=task.spectrogram,
                stages=stages,
            )
        if isinstance(found, Identified):
            with stages.measure("cache"):
                self._keep(found.digest, found.file, analysis, task.stream)
        return analysis

    def _keep(
        self, digest: bytes, file: FileRow | None, analysis: Analysis, stream: int | None
    ) -> None:
        if self._store is None:
            return
        settings = self._store.settings_of(stream, in_parts=analysis.analysed_seconds is not None)
        record = json.dumps(analysis.to_record(), separators=(",", ":"), allow_nan=False)
        self._store.keep(digest, file, record.encode(), settings)
