"""The functions of batches, under their names in torch.utils.data._utils."""

from . import collate as collate
