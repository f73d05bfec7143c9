"""An ONNX model on so many cores."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ipa.errors import MissingExtraError

Float32s = NDArray[np.float32]


class OnnxModel:
    """A network of one input and one output that runs on the CPU.

    Parameters
    ----------
    file
        The ``.onnx`` file.
    cores
        Threads that compute.
    """

    def __init__(self, file: Path, cores: int) -> None:
        try:
            import onnxruntime
        except ImportError as error:
            raise MissingExtraError("onnxruntime, which runs the ocr pipeline,", "ocr") from error
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = cores
        options.inter_op_num_threads = 1
        # Threads that spin between batches would take the cores of their neighbours.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        options.log_severity_level = 3
        self._session: Any = onnxruntime.InferenceSession(
            str(file), options, providers=["CPUExecutionProvider"]
        )
        self._input = self._session.get_inputs()[0].name

    def __call__(self, batch: Float32s) -> Float32s:
        """Return the output for one tensor batch."""
        output: Float32s = self._session.run(None, {self._input: batch})[0]
        return output
