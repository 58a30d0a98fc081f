"""How models run: torch or ONNX Runtime, tiles, windows, frames from disk."""
