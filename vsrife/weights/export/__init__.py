"""Networks in the forms of other engines: ONNX for vs-mlrt, ncnn, TorchScript."""

from vsrife.weights.export.forms import Form, export_network

__all__ = ["Form", "export_network"]
