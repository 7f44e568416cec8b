"""A linear layer in each form that PyTorch saves, an embedding, and weights alone."""

from __future__ import annotations

from pathlib import Path

import joblib
import torch


class Pair(torch.nn.Module):
    def forward(self, left: torch.Tensor, right: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return left + right, left - right


def make(folder: Path) -> None:
    linear = torch.nn.Linear(3, 1)
    with torch.no_grad():
        linear.weight.copy_(torch.tensor([[1.0, 2.0, 3.0]]))
        linear.bias.zero_()
    linear.eval()
    for name in ("scripted", "program", "pickled", "weights", "embedding", "pair"):
        (folder / name).mkdir(parents=True)
    torch.jit.script(linear).save(str(folder / "scripted" / "net.pt"))
    torch.jit.script(Pair()).save(str(folder / "pair" / "net.pt"))
    torch.jit.script(torch.nn.Embedding.from_pretrained(torch.eye(4))).save(
        str(folder / "embedding" / "net.pt")
    )
    free = {"input": {0: torch.export.Dim("batch")}}
    program = torch.export.export(linear, (torch.ones(2, 3),), dynamic_shapes=free)
    torch.export.save(program, str(folder / "program" / "net.pt2"))
    joblib.dump(linear, folder / "pickled" / "model.pkl")
    torch.save(linear.state_dict(), folder / "weights" / "net.pth")
