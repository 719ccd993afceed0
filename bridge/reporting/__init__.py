"""Reports: what was compared, step by step, as an object, as JSON, as a table and as a picture.

This package imports `bridge.comparing` and minigrad's plotting helpers; it needs no PyTorch. Read
`rows.py` (one step), `report.py` (all steps, and the verdict), then `tables.py` and `plotting.py`.
"""
