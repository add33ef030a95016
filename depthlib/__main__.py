"""`python -m depthlib` is the command line; so `torchrun -m depthlib run ...` trains one run in several processes."""

from depthlib.app.cli import main

main()
