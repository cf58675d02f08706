"""One thread for the whole suite.

On small tensors a team of threads costs more than it gives, most of all on a machine that has other work:
measured under load, the command-line tests took 93 s with two threads and 14 s with one.
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before the first import of torch, numba or faiss
