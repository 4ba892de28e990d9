"""Reading a Triton model repository (`reader`), checking it (`checks`), and naming what a server serves of it
(`served`).

`reader.read_repository` opens the files; everything after it is pure.
"""
