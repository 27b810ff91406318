"""A set as numpy arrays: `open(folder)[name]` is the tensor as `octet dequantize` restores it, to the bit. The program checks the
headers and the sidecar when a set is opened; data are mapped, and read when a tensor is asked for."""
import json
import os
from pathlib import Path
from typing import Any, Dict, Iterator, Mapping, NamedTuple, Optional, Tuple, Union

import numpy as np

from . import _program
from ._codes import Part, Scheme, restore, unpack_blocks, unpack_codes

SIDECAR = "quantization_state.json"
_PARTS = "", ".scale", ".zero_point", ".super_scale", ".super_zero_point"
_NUMPY = dict(F64="<f8", F32="<f4", F16="<f2", I64="<i8", I32="<i4", I16="<i2", I8="i1",
              U64="<u8", U32="<u4", U16="<u2", U8="u1", BOOL="?")


class Scales(NamedTuple):
    """Scale and zero point of each block, float32, as the formulas of docs/format.md use them: of shape [] for one scale per
    tensor, else of the grid of blocks. `zero_point` is None for symmetric schemes."""

    scale: np.ndarray
    zero_point: Optional[np.ndarray]


class Set(Mapping[str, np.ndarray]):
    """The tensors of a set by name, in the order of the data."""

    def __init__(self, path: Union[str, "os.PathLike[str]"]) -> None:
        folder = Path(path)
        self._folder = folder if folder.is_dir() else folder.parent
        if not (self._folder / SIDECAR).is_file():
            raise FileNotFoundError(f"{self._folder / SIDECAR}: not found; this is no set of octet's")
        self.report = _program.inspect(self._folder)  #: what `octet inspect --json` prints
        state = json.loads((self._folder / SIDECAR).read_text("utf-8"))
        self._entries: Dict[str, Dict[str, Any]] = state["tensors"]
        self._places: Dict[str, Part] = {}
        for file in state["files"]:
            self._map(self._folder / file["name"])

    def _map(self, path: Path) -> None:
        raw = np.memmap(path, np.uint8, "r")
        start = 8 + int(raw[:8].view("<u8")[0])
        data = raw[start:].view(np.ndarray)
        for name, place in json.loads(bytes(raw[8:start])).items():
            if name != "__metadata__":
                begin, end = place["data_offsets"]
                self._places[name] = Part(place["dtype"], data[begin:end], place["shape"])

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)

    def _find(self, name: str) -> Tuple[Dict[str, Any], Dict[str, Part]]:
        """The entry of a tensor, or of the one it is tied to, and what is stored of it."""
        owner = self._entries[name].get("same_as", name)
        entry = self._entries[owner]
        parts = {"": self._places[owner]}
        if Scheme.of(entry).has_state_tensors:
            for part in _PARTS[1:]:
                key = owner + part
                while key in self._entries:  # a tensor of the source has this name
                    key += "_"
                if key in self._places:
                    parts[part] = self._places[key]
        return entry, parts

    def _quantized(self, name: str) -> Tuple[Dict[str, Any], Dict[str, Part]]:
        entry, parts = self._find(name)
        if entry["scheme"] == "keep":
            raise ValueError(f"{name}: is kept and has no codes ({entry.get('reason', '')})")
        return entry, parts

    def __getitem__(self, name: str) -> np.ndarray:
        """The tensor in the dtype of the source. Numpy has no BF16: such a tensor is float32, with the values that BF16 can
        have. Kept tensors of dtypes without a numpy type (FP8 and the like) come as their bytes."""
        entry, parts = self._find(name)
        if entry["scheme"] != "keep":
            return restore(entry, parts)
        stored = parts[""]
        if stored.dtype == "BF16":
            wide = stored.data.view("<u2").astype(np.uint32) << 16
            return wide.view(np.float32).reshape(entry["shape"])
        if stored.dtype in _NUMPY:
            return stored.data.view(_NUMPY[stored.dtype]).reshape(entry["shape"]).copy()
        return stored.data.copy()

    def codes(self, name: str) -> np.ndarray:
        """The codes, uint8 (int8 where symmetric), one an element, in the shape of the tensor."""
        entry, parts = self._quantized(name)
        return unpack_codes(entry, parts[""])

    def scales(self, name: str) -> Scales:
        """Scale and zero point of every block."""
        entry, parts = self._quantized(name)
        return Scales(*unpack_blocks(entry, parts))

    def scheme(self, name: str) -> str:
        """The scheme's name (docs/quantization.md), or "keep"."""
        return str(self._find(name)[0]["scheme"])


def open(path: Union[str, "os.PathLike[str]"]) -> Set:
    """Opens a set: its folder, or any of octet's files in it."""
    return Set(path)
